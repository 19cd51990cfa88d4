import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { query } from "../search/query.ts";
import { ingest } from "./ingest.ts";
import { getDocuments } from "./list.ts";
import { updateDocuments } from "./update.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);

const filler = (topic: string) => Array.from({ length: 12 }, (_, at) => `Sentence ${at} about ${topic}.`).join(" ");
const HANDBOOK = `# Handbook\n\n## Returns\n\n${filler("kettles")}\n\n## Hours\n\n### Sundays\n\n${filler("opening")}`;

async function createHandbook(name: string) {
  await createCollection(own.database, tenantId, {
    name,
    embeddingModel: "offline/words",
    dimensions: 64,
    chunking: { maxTokens: 50, overlap: 0 },
  });
  await ingest(own.services, tenantId, {
    collection: name,
    documents: [{ id: "handbook", content: HANDBOOK, format: "markdown", metadata: { topic: "a" } }],
  });
}

async function headingsOf(collection: string) {
  const [document] = await getDocuments(own.database, tenantId, { collection, ids: ["handbook"] });
  return document?.passages.map(({ headings }) => headings?.join(" > "));
}

const inAll = (passages: readonly (string | undefined)[] | undefined, first: string, last: string) => {
  expect(passages?.[0]).toBe(first);
  expect(passages?.at(-1)).toBe(last);
};

test("passages of a Markdown text keep the headings above their start, and those of other texts have none", async () => {
  await createHandbook("kept");
  const passages = await headingsOf("kept");
  expect(passages?.length).toBeGreaterThan(3);
  inAll(passages, "Handbook", "Handbook > Hours > Sundays");
  expect(passages?.slice(1, -1)).toContain("Handbook > Returns");
  await ingest(own.services, tenantId, { collection: "kept", documents: [{ id: "handbook", content: HANDBOOK }] });
  expect(new Set(await headingsOf("kept"))).toEqual(new Set([undefined]));
});

test.each(["vector", "keyword", "hybrid"] as const)("%s search returns the headings with the text", async (mode) => {
  const collection = `searched-${mode}`;
  await createHandbook(collection);
  const search = { collection, text: "Sentence 11 about opening", mode, topK: 1 } as const;
  for (const groupBy of ["passage", "document"] as const) {
    const [hit] = await query(own.services, tenantId, { ...search, groupBy });
    expect(hit?.headings).toEqual(["Handbook", "Hours", "Sundays"]);
  }
  const [filtered] = await query(own.services, tenantId, { ...search, filter: { topic: "a" } });
  expect(filtered?.headings).toEqual(["Handbook", "Hours", "Sundays"]);
  const [withVector] = await query(own.services, tenantId, { ...search, include: ["content", "embedding"] });
  expect(withVector?.headings).toEqual(["Handbook", "Hours", "Sundays"]);
  const [keyed] = await query(own.services, tenantId, { ...search, include: ["uri"] });
  expect(keyed).not.toHaveProperty("headings");
});

test("a change of metadata keeps the headings", async () => {
  await createHandbook("changed");
  await updateDocuments(own.database, tenantId, {
    collection: "changed",
    documents: [{ id: "handbook", metadata: { topic: "b" } }],
  });
  inAll(await headingsOf("changed"), "Handbook", "Handbook > Hours > Sundays");
});

test("headings are invalid after a service of the version before has replaced the text", async () => {
  await createHandbook("older");
  await own.database.transaction(({ orm }) =>
    orm.execute(sql`UPDATE cairn.documents SET content = 'other', offset_at = now(), updated_at = now() WHERE id = 'handbook'
      AND collection_id = (SELECT id FROM cairn.collections WHERE name = 'older')`),
  );
  expect(new Set(await headingsOf("older"))).toEqual(new Set([undefined]));
  const [hit] = await query(own.services, tenantId, { collection: "older", text: "opening" });
  expect(hit).not.toHaveProperty("headings");
});
