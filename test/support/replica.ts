import { collectionToChroma } from "@cairn/chroma/gateway/replicate/collection-to-chroma.ts";
import type { CollectionPair } from "@cairn/chroma/gateway/replicate/context.ts";
import { replicateToChroma } from "@cairn/chroma/gateway/replicate/to-chroma.ts";
import { openTarget } from "@cairn/chroma/target/http-target.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import { insertCollection } from "@cairn/core/collection/create.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { writeRecords } from "@cairn/core/record/write.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { inject } from "vitest";
import type { ChromaCollectionHandle } from "./fill-chroma.ts";
import type { DatabaseFixture } from "./fixture.ts";
import { createChromaDatabase, openTestSource } from "./migration.ts";

/** A record in Cairn. */
export interface CairnRecord {
  readonly id: string;
  readonly embedding?: readonly number[] | null;
  readonly content?: string | null;
  readonly uri?: string | null;
  readonly metadata?: JsonObject;
}

export type Replica = Awaited<ReturnType<typeof createReplica>>;

type NewCollection = Parameters<typeof insertCollection>[2];

/** A collection of Cairn with its replica in a Chroma server. `url`: default the server of the test run. */
export async function createReplica(
  { database }: Pick<DatabaseFixture, "database">,
  { url = inject("chromaUrl"), ...options }: { readonly url?: string } & Partial<NewCollection> = {},
) {
  const tenant = await createTenant(database);
  const path = { tenant: "default_tenant", database: await createChromaDatabase(inject("chromaUrl")), name: "notes" };
  const connection = { attempts: 2, backoff: 5, timeout: 10_000 };
  const context = {
    database,
    source: await openTestSource(url, connection),
    target: await openTarget({ url, ...connection }),
  };
  const created = await insertCollection(database, tenant.id, {
    name: "notes",
    embeddingModel: null,
    metric: "l2",
    ...options,
  });
  const { id } = created as Collection;
  const { chroma } = await collectionToChroma(context, created as Collection, path);
  /** Both sides as they are now: the first vector sets the dimensions. */
  const pair = async (): Promise<CollectionPair> => ({
    cairn: await getCollection(database, tenant.id, id),
    chroma: (await context.target.findCollection(path, path.name)) ?? chroma,
  });
  /** Replaces records in Cairn. */
  const put = async (...records: readonly CairnRecord[]) => {
    await deleteDocuments(database, tenant.id, { collection: id, ids: records.map((record) => record.id) });
    const collection = await getCollection(database, tenant.id, id);
    const types = await database.vectorTypes();
    const inputs = records.map(({ embedding = [1, 2], content = null, uri = null, metadata = {}, ...record }) => ({
      ...record,
      embedding: embedding && Float32Array.from(embedding),
      content,
      uri,
      metadata,
      removedKeys: [],
    }));
    await asTenant(database, tenant.id, (transaction) =>
      writeRecords(transaction, collection, inputs, { types, existing: "merge" }),
    );
  };
  return {
    tenantId: tenant.id,
    collectionId: id,
    path,
    context,
    pair,
    put,
    remove: (...ids: string[]) => deleteDocuments(database, tenant.id, { collection: id, ids }),
    replicate: async (...ids: string[]) => replicateToChroma(context, await pair(), ids),
    /** The collection in Chroma, for requests without the code under test. */
    handle: {
      id: chroma.id,
      name: path.name,
      url: `${inject("chromaUrl")}/api/v2/tenants/${path.tenant}/databases/${path.database}/collections/${chroma.id}`,
    } satisfies ChromaCollectionHandle,
  };
}
