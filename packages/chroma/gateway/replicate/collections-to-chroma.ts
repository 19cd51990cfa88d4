import type { Collection } from "@cairn/core/collection/collection.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { findByLineage } from "../../namespace/serving.ts";
import { chromaPathOf } from "./chroma-path.ts";
import { collectionToChroma } from "./collection-to-chroma.ts";
import type { CollectionPair } from "./context.ts";
import { resolveFindings, saveFindings } from "./findings.ts";
import { deletePair, readPairs } from "./pair.ts";
import type { Replication } from "./replication.ts";

/** Cairn's collection of this lineage as it is now. Undefined: it was deleted. */
export async function findLineage(
  { database, tenantId }: Pick<Replication, "database" | "tenantId">,
  lineage: string,
): Promise<Collection | undefined> {
  const serving = (await findByLineage(database, tenantId, [lineage])).get(lineage);
  try {
    return serving && (await getCollection(database, tenantId, serving.id));
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  }
}

/**
 * Makes the collection itself equal in Chroma, or deletes it there. `created`: Chroma has none of its records. Undefined: it exists in
 * neither system, or Chroma cannot hold it, which is a finding.
 */
export async function replicateCollection(
  replication: Replication,
  lineage: string,
): Promise<(CollectionPair & { readonly created: boolean }) | undefined> {
  const cairn = await findLineage(replication, lineage);
  if (!cairn) {
    await removeFromChroma(replication, lineage);
    return undefined;
  }
  const path = await chromaPathOf(replication, cairn);
  const refuse = async (detail: string) => {
    const { database, tenantId } = replication;
    const finding = { collectionId: lineage, recordId: "", kind: "refused" as const, side: "chroma" as const, detail };
    await saveFindings(database, tenantId, [finding]);
    return undefined;
  };
  if (!path)
    return refuse(
      `No name of the namespace stands for the collection ${JSON.stringify(cairn.name)}, so Chroma does not have it.`,
    );
  try {
    const { chroma, created, findings } = await collectionToChroma(replication, cairn, path);
    const all = findings.map((finding) => ({ ...finding, collectionId: lineage, side: "chroma" as const }));
    await saveFindings(replication.database, replication.tenantId, all);
    if (all.length === 0)
      await resolveFindings(replication.database, replication.tenantId, { collectionId: lineage, recordIds: [""] });
    return { cairn, chroma, created };
  } catch (error) {
    const isRefused =
      error instanceof AppError && ["already_exists", "invalid_input", "source_invalid"].includes(error.code);
    if (!isRefused) throw error;
    return refuse(`Chroma refuses the collection ${JSON.stringify(cairn.name)}: ${error.code}.`);
  }
}

async function removeFromChroma({ database, tenantId, source, target }: Replication, lineage: string): Promise<void> {
  const pair = (await readPairs(database, tenantId)).find(({ collectionId }) => collectionId === lineage);
  if (!pair) return;
  const { tenant, database: name } = pair.path;
  const named = await target.findCollection(pair.path, pair.path.name);
  const isNamed = named?.id === pair.chromaId;
  const listed = isNamed ? [named] : await source.listCollections({ tenants: [tenant], databases: [name] });
  const existing = listed.find(({ id }) => id === pair.chromaId);
  if (existing) await target.deleteCollection(existing);
  await asAdmin(database, ({ orm }) => deletePair(orm, pair));
}
