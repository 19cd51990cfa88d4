import { type Content, keyOf, type Model } from "./model.ts";
import { toContents } from "./record-reads.ts";
import { ALL_IDS } from "./record-writes.ts";
import type { World } from "./world.ts";

/** The records of each collection of a tenant by Chroma's name of the collection. */
export type Side = ReadonlyMap<string, { readonly version: unknown; readonly records: ReadonlyMap<string, Content> }>;

const INCLUDE: ("documents" | "metadatas" | "embeddings")[] = ["documents", "metadatas", "embeddings"];

/** What Chroma has, read with its own client and without the gateway. */
export async function readChromaSide(world: World, tenant: string): Promise<Side> {
  const collections = await world.chromaClient().listCollections({ limit: 1_000 });
  const own = collections.filter(({ name }) => name.startsWith(`tenant_${tenant}_`));
  return new Map(
    await Promise.all(
      own.map(async (collection) => {
        const records = toContents(await collection.get({ include: INCLUDE }));
        return [collection.name, { version: collection.metadata?.version, records }] as const;
      }),
    ),
  );
}

/** What Cairn has, read from its tables. */
export async function readCairnSide(world: World, tenant: string): Promise<Side> {
  const collections = await world.query<{ id: string; name: string; version: unknown }>(
    `SELECT c.id, c.name, c.metadata->'version' AS version FROM cairn.collections AS c JOIN cairn.tenants AS t ON t.id = c.tenant_id
     WHERE t.name = $1 AND c.replaced_by IS NULL`,
    [tenant],
  );
  const sides = collections.map(async ({ id, name, version }) => {
    const rows = await world.query<{
      id: string;
      content: string | null;
      metadata: Content["metadata"];
      embedding: string;
    }>("SELECT id, content, metadata, embedding::text AS embedding FROM cairn.documents WHERE collection_id = $1", [
      id,
    ]);
    const records = rows.map((row) => {
      const content = {
        document: row.content,
        metadata: row.metadata,
        embedding: JSON.parse(row.embedding) as number[],
      };
      return [row.id, content] as const;
    });
    return [`tenant_${tenant}_${name}`, { version, records: new Map(records) }] as const;
  });
  return new Map(await Promise.all(sides));
}

/** What differs between both sides, as text. */
export function compareSides(chroma: Side, cairn: Side): readonly string[] {
  return [...new Set([...chroma.keys(), ...cairn.keys()])].flatMap((name) => {
    const inChroma = chroma.get(name);
    const inCairn = cairn.get(name);
    if (!inChroma || !inCairn) return [`${name} is only in ${inChroma ? "Chroma" : "Cairn"}`];
    const versions =
      inChroma.version === inCairn.version ? [] : [`${name} has version ${inChroma.version} and ${inCairn.version}`];
    const ids = new Set([...inChroma.records.keys(), ...inCairn.records.keys()]);
    const records = [...ids].flatMap((id) => {
      const keys = [keyOf(inChroma.records.get(id)), keyOf(inCairn.records.get(id))];
      return keys[0] === keys[1] ? [] : [`${name} ${id} is ${keys[0]} in Chroma and ${keys[1]} in Cairn`];
    });
    return [...versions, ...records];
  });
}

/** What a side has that the acknowledged writes do not allow, as text. */
export function compareWithModel(
  side: Side,
  expected: ReadonlyMap<string, { readonly version: unknown; readonly model: Model }>,
): readonly string[] {
  return [...new Set([...side.keys(), ...expected.keys()])].flatMap((name) => {
    const found = side.get(name);
    const collection = expected.get(name);
    if (!found || !collection) return [`${name} ${found ? "should not exist" : "is missing"}`];
    const versions =
      found.version === collection.version
        ? []
        : [`${name} has version ${found.version} instead of ${collection.version}`];
    const records = ALL_IDS.flatMap((id) => {
      const allowed = collection.model.allowed(id, Date.now());
      const key = keyOf(found.records.get(id));
      return allowed.has(key) ? [] : [`${name} ${id} is ${key}, and may be ${[...allowed.keys()].join(" or ")}`];
    });
    const strangers = [...found.records.keys()].filter((id) => !ALL_IDS.includes(id));
    return [...versions, ...records, ...strangers.map((id) => `${name} has the unknown record ${id}`)];
  });
}
