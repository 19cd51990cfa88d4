import { randomUUID } from "node:crypto";
import { encodeJson, type JsonObject, parseJson, stringifyJson } from "@cairn/core/database/json.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { encodeText } from "@cairn/core/database/text.ts";
import { asAdmin, asTenant, uuidLiteral } from "@cairn/core/database/transaction.ts";
import { compileFilter } from "@cairn/core/filter/compile.ts";
import type { Filter } from "@cairn/core/filter/filter.ts";
import { parseDocumentFilter, parseFilter } from "@cairn/core/filter/parse.ts";
import { type SQL, sql } from "drizzle-orm";
import fc from "fast-check";
import { beforeAll, expect, inject, test } from "vitest";
import { type ChromaFilter, chromaFilter } from "./support/arbitrary/chroma-filter.ts";
import { type Features, KEYS, type RecordContent, recordContent } from "./support/arbitrary/record.ts";
import { useTestDatabase } from "./support/fixture.ts";

/**
 * A Chroma server is the oracle: the same records and filters go to Chroma and to Postgres and must return the same ids.
 * Known faults of Chroma are avoided: LIKE stops at a NUL; an operand of 1.5 is truncated to 1 before it is compared with
 * an integer, so integers and fractions have different keys; a list of floats never contains an integer.
 */
const SEED = Number(process.env.CAIRN_TEST_SEED ?? 20_260_801);
const RECORDS = 200;
const BATCH = 10;
const RUNS = 105;
const TENANT = randomUUID();

interface Row extends RecordContent {
  readonly id: string;
}

const testDatabase = useTestDatabase();
let features: Features;

beforeAll(async () => {
  await asAdmin(testDatabase.database, ({ orm }) =>
    orm.execute(sql`INSERT INTO cairn.tenants (id, name) VALUES (${TENANT}::uuid, 'parity')`),
  );
  features = await probe();
});

test.each([1, 2])("a filter returns the same ids as a real Chroma server, data set %i", (number) =>
  compareDataSet(SEED + number, { nul: "last" }),
);

test("a regex returns the same ids as a real Chroma server, wherever a document contains NUL", async ({ skip }) => {
  if (!features.regex) skip("this Chroma server does not support $regex");
  await compareDataSet(SEED + 3, { nul: "anywhere" });
});

/** Compares 1,050 filters and their negations. fast-check prints the seed and a shrunk counterexample. */
async function compareDataSet(seed: number, { nul }: { nul: "last" | "anywhere" }): Promise<void> {
  const rows = fc
    .sample(recordContent(features, nul), { seed, numRuns: RECORDS })
    .map((content, index) => ({ id: `r${index}`, ...content }));
  const [collection, queryChroma] = await Promise.all([fillCairn(rows), fillChroma(rows)]);
  const all = new Set(rows.map(({ id }) => id));
  const length = { minLength: BATCH, maxLength: BATCH };
  const filters = fc.array(chromaFilter(features, { regexOnly: nul === "anywhere" }), length);
  const property = fc.asyncProperty(filters, async (batch) => {
    const conditions = batch.map((question) => compileFilter(toFilter(question)));
    const negations = conditions.map((condition) => sql`NOT ${condition}`);
    const [fromChroma, fromCairn, fromNegation] = await Promise.all([
      Promise.all(batch.map(queryChroma)),
      queryCairn(collection, conditions),
      queryCairn(collection, negations),
    ]);
    for (const [index, question] of batch.entries()) {
      expect(fromCairn[index], stringifyJson(question)).toEqual(fromChroma[index]);
      expect(fromNegation[index], `not ${stringifyJson(question)}`).toEqual(all.difference(fromChroma[index] ?? all));
    }
  });
  await fc.assert(property, { seed, numRuns: RUNS });
}

function toFilter({ where, where_document }: ChromaFilter): Filter {
  const filters = [
    ...(where === undefined ? [] : [parseFilter(parseJson(stringifyJson(where)))]),
    ...(where_document === undefined ? [] : [parseDocumentFilter(where_document)]),
  ];
  return { kind: "and", filters };
}

// Chroma

const collections = () => `${inject("chromaUrl")}/api/v2/tenants/default_tenant/databases/default_database/collections`;

async function post(url: string, body: unknown): Promise<{ readonly ok: boolean; readonly text: string }> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: stringifyJson(body),
  });
  return { ok: response.ok, text: await response.text() };
}

async function createCollection(): Promise<string> {
  const { ok, text } = await post(collections(), { name: `parity-${randomUUID()}` });
  if (!ok) throw new Error(text);
  return `${collections()}/${(JSON.parse(text) as { id: string }).id}`;
}

function add(collection: string, rows: readonly Row[]) {
  return post(`${collection}/add`, {
    ids: rows.map(({ id }) => id),
    embeddings: rows.map(() => [1]),
    documents: rows.map(({ document }) => document),
    metadatas: rows.map(({ metadata }) => metadata),
  });
}

async function probe(): Promise<Features> {
  const collection = await createCollection();
  const accepts = async (metadata: JsonObject) =>
    (await add(collection, [{ id: randomUUID(), document: "a", metadata }])).ok;
  const supports = async (body: ChromaFilter) => (await post(`${collection}/get`, body)).ok;
  const keys: string[] = [];
  for (const key of KEYS) if (await accepts({ [key]: 1 })) keys.push(key);
  return {
    keys,
    lists: await accepts({ list: ["a"] }),
    regex: await supports({ where_document: { $regex: "a" } }),
    documentKey: await supports({ where: { "#document": { $contains: "a" } } }),
  };
}

async function fillChroma(rows: readonly Row[]): Promise<(question: ChromaFilter) => Promise<Set<string>>> {
  const collection = await createCollection();
  const added = await add(collection, rows);
  if (!added.ok) throw new Error(added.text);
  return async (question) => {
    const { ok, text } = await post(`${collection}/get`, { ...question, include: [] });
    if (!ok) throw new Error(`Chroma refused ${stringifyJson(question)}: ${text}`);
    return new Set((JSON.parse(text) as { ids: string[] }).ids);
  };
}

// Cairn

async function fillCairn(rows: readonly Row[]): Promise<string> {
  const collection = randomUUID();
  const stored = rows.map(({ id, document, metadata }) => ({
    id,
    content: document === null ? null : encodeText(document),
    metadata: encodeJson(metadata),
  }));
  await asTenant(testDatabase.database, TENANT, async ({ orm }) => {
    await orm.execute(sql`
      INSERT INTO cairn.collections (tenant_id, id, name, metric)
      VALUES (${TENANT}::uuid, ${collection}::uuid, ${collection}::text, 'l2')`);
    await orm.execute(sql`
      INSERT INTO cairn.documents (tenant_id, collection_id, id, content, metadata)
      SELECT ${TENANT}::uuid, ${collection}::uuid, row ->> 'id', row ->> 'content', (row ->> 'metadata')::jsonb
      FROM jsonb_array_elements(${JSON.stringify(stored)}::jsonb) AS row`);
  });
  return collection;
}

async function queryCairn(collection: string, conditions: readonly SQL[]): Promise<Set<string>[]> {
  const selects = conditions.map(
    (condition, index) => sql`
      SELECT ${sql.raw(String(index))} AS question, id FROM cairn.documents
      WHERE tenant_id = ${uuidLiteral(TENANT)} AND collection_id = ${uuidLiteral(collection)} AND (${condition})`,
  );
  const results = conditions.map(() => new Set<string>());
  const rows = await asTenant(testDatabase.database, TENANT, ({ orm }) =>
    selectRows<{ question: number; id: string }>(orm, sql.join(selects, sql` UNION ALL `)),
  );
  for (const { question, id } of rows) results[question]?.add(id);
  return results;
}
