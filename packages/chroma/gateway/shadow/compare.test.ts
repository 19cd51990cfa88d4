import { changeCollection } from "@cairn/core/collection/change.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { expect, test } from "vitest";
import { useTestApi } from "../../../../test/support/api.ts";
import { chromaOptions } from "../../../../test/support/chroma-api.ts";
import { useTestDatabase } from "../../../../test/support/fixture.ts";
import { createShadowPair, type Records, type ShadowPair, withoutIds } from "../../../../test/support/shadow-pair.ts";
import { mulberry32 } from "../../verify/sample.ts";
import { compareRead } from "./ask.ts";
import type { ShadowRead } from "./read.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => chromaOptions());

const DIMENSIONS = 8;

function vectors(count: number, { seed = 1, dimensions = DIMENSIONS } = {}): number[][] {
  const random = mulberry32(seed);
  return Array.from({ length: count }, () => Array.from({ length: dimensions }, () => Math.fround(random() * 2 - 1)));
}

function records(count: number, options?: Parameters<typeof vectors>[1]): Records {
  const embeddings = vectors(count, options);
  return {
    embeddings,
    ids: embeddings.map((_, index) => `r${index}`),
    documents: embeddings.map((_, index) => `Passage ${index}`),
    metadatas: embeddings.map((_, index) => ({ index, even: index % 2 === 0 })),
    uris: embeddings.map((_, index) => (index % 2 === 0 ? `https://example.org/${index}` : null)),
  };
}

async function compare(read: ShadowRead) {
  const { services } = testDatabase;
  const { comparison } = await compareRead(read, { services, signal: AbortSignal.timeout(60_000) });
  return comparison;
}

const pairOf = (space: string, content: Records = records(40)) => createShadowPair(api, space, content);

const ALL = ["documents", "metadatas", "uris", "embeddings"];
const QUERY = { query_embeddings: vectors(3, { seed: 2 }), n_results: 5 };

test.each(["l2", "cosine", "ip"])("equal collections agree in every read (%s)", async (space) => {
  const pair = await pairOf(space);
  const bodies = [
    {},
    { include: ALL },
    { ids: ["r3", "r1", "none"], include: ALL },
    { limit: 7, offset: 12 },
    { where: { even: true }, limit: 3 },
    { where_document: { $contains: "sage 1" } },
  ];
  for (const body of bodies)
    expect(await compare(await pair.read("get", body)), JSON.stringify(body)).toEqual({ outcome: "agreed" });
  expect(await compare(await pair.read("count"))).toEqual({ outcome: "agreed" });
  const queries = [
    QUERY,
    { ...QUERY, include: [...ALL, "distances"] },
    { ...QUERY, include: [] },
    { ...QUERY, where: { even: true } },
    { ...QUERY, n_results: 100 },
    { ...QUERY, query_embeddings: [] },
  ];
  for (const body of queries)
    expect(await compare(await pair.read("query", body)), JSON.stringify(body)).toEqual({ outcome: "agreed" });
});

test("awkward values agree: exact numbers, empty texts, emoji, null documents and empty collections", async () => {
  const awkward = {
    ids: ["", " ", "a\u0000b", "🪨", "x".repeat(400), "plain"].slice(1),
    embeddings: vectors(5),
    documents: ["", null, "a\u0000b", "👩‍🚀\u202e", "text"],
    metadatas: [
      { integer: 9007199254740993n, float: JSON.rawJSON("1.0") },
      null,
      { float: 1e300, small: 5e-324, minus: -0.5 },
      { text: "\u0000\uFFFE", flag: false },
      { integer: 1 },
    ],
    uris: [null, "https://example.org/record-without-metadata", null, null, null],
  };
  const pair = await pairOf("l2", awkward as unknown as Records);
  expect(await compare(await pair.read("get", { include: ALL }))).toEqual({ outcome: "agreed" });
  const query = { query_embeddings: vectors(1, { seed: 3 }), include: [...ALL, "distances"] };
  expect(await compare(await pair.read("query", query))).toEqual({ outcome: "agreed" });
  const empty = await createShadowPair(api, "l2");
  expect(await compare(await empty.read("get", {}))).toEqual({ outcome: "agreed" });
  expect(await compare(await empty.read("count"))).toEqual({ outcome: "agreed" });
  expect(await compare(await empty.read("query", QUERY))).toEqual({ outcome: "agreed" });
});

test("a float that became an integer, a changed text and a lost record differ, and no value is reported", async () => {
  const pair = await pairOf("l2");
  await pair.write("update", { ids: ["r1"], metadatas: [{ index: JSON.rawJSON("1.0") }] }, ["cairn"]);
  await pair.write("update", { ids: ["r2"], documents: ["Secret"] }, ["cairn"]);
  await pair.write("update", { ids: ["r4"], uris: ["https://example.org/secret"] }, ["cairn"]);
  await pair.write("delete", { ids: ["r3"] }, ["cairn"]);
  await pair.write("add", { ids: ["new"], embeddings: vectors(1) }, ["cairn"]);
  const difference = {
    kind: "records",
    onlyInChroma: ["r3"],
    onlyInCairn: ["new"],
    differing: [
      { id: "r1", fields: ["metadata"] },
      { id: "r2", fields: ["document"] },
      { id: "r4", fields: ["uri"] },
    ],
  };
  const comparison = await compare(await pair.read("get", { include: ["documents", "metadatas", "uris"] }));
  expect(comparison).toEqual({ outcome: "differed", agreement: 1 - 5 / 41, difference });
  expect(JSON.stringify(comparison)).not.toMatch(/secret|passage/i);
});

test("a record behind a thousand others is compared", async () => {
  const pair = await pairOf("l2", records(1_000));
  await pair.write("update", { ids: ["r999"], documents: ["Another text"] }, ["cairn"]);
  expect(await compare(await pair.read("get", {}))).toMatchObject({
    outcome: "differed",
    difference: { differing: [{ id: "r999", fields: ["document"] }] },
  });
});

test("a vector differs by one bit under l2, and by more than the tolerance under cosine", async () => {
  const [first = []] = vectors(1);
  const nudged = (by: number) => [...first.slice(0, -1), Math.fround((first.at(-1) ?? 0) + by)];
  const body = { include: ["embeddings"] };
  for (const [space, by, outcome] of [
    ["l2", 1e-7, "differed"],
    ["cosine", 1e-7, "agreed"],
    ["cosine", 1e-2, "differed"],
  ] as const) {
    const pair = await pairOf(space, { ids: ["a"], embeddings: [first] });
    await pair.write("update", { ids: ["a"], embeddings: [nudged(by)] }, ["cairn"]);
    expect(await compare(await pair.read("get", body)), `${space} ${by}`).toMatchObject({ outcome });
  }
});

test("the order of records matters where a limit cuts, and nowhere else", async () => {
  const pair = await createShadowPair(api, "l2");
  const { ids, embeddings } = records(6);
  const add = (from: number, to: number, side: "chroma" | "cairn") =>
    pair.write("add", { ids: ids.slice(from, to), embeddings: embeddings.slice(from, to) }, [side]);
  await add(0, 6, "chroma");
  await add(3, 6, "cairn");
  await add(0, 3, "cairn");
  expect(await compare(await pair.read("get", {}))).toEqual({ outcome: "agreed" });
  expect(await compare(await pair.read("get", { limit: 6 }))).toEqual({ outcome: "agreed" });
  expect(await compare(await pair.read("get", { limit: 3 }))).toMatchObject({ outcome: "differed", agreement: 0 });
  expect(await compare(await pair.read("get", { offset: 4 }))).toMatchObject({ outcome: "differed" });
});

test("ids in flight are excluded from both sides", async () => {
  const pair = await pairOf("l2");
  await pair.write("delete", { ids: ["r0"] }, ["chroma"]);
  await pair.write("update", { ids: ["r1"], documents: ["New"] }, ["chroma"]);
  const pending = () => new Set(["r0", "r1"]);
  const near = { query_embeddings: [records(2).embeddings[0]], n_results: 3, include: ["documents", "distances"] };
  expect(await compare(await pair.read("get", {}, { pending }))).toEqual({ outcome: "agreed" });
  expect(await compare(await pair.read("query", near, { pending }))).toEqual({ outcome: "agreed" });
  expect(await compare(await pair.read("get", { limit: 10 }, { pending }))).toEqual({ outcome: "excluded" });
  expect(await compare(await pair.read("count", undefined, { pending }))).toEqual({ outcome: "excluded" });
  expect(await compare(await pair.read("get", {}))).toMatchObject({ outcome: "differed" });
  expect(await compare(await pair.read("count"))).toMatchObject({ outcome: "differed" });
  expect(await compare(await pair.read("query", near))).toMatchObject({ outcome: "differed" });
});

test("ids that come into flight while Cairn answers are excluded, and `all` excludes the read", async () => {
  const pair = await pairOf("l2");
  await pair.write("delete", { ids: ["r0"] }, ["chroma"]);
  let calls = 0;
  const pending = () => new Set(calls++ % 2 === 0 ? [] : ["r0"]);
  expect(await compare(await pair.read("get", {}, { pending }))).toEqual({ outcome: "agreed" });
  const read = await pair.read("get", {}, { pending: () => "all" });
  const asked = { ...read, askCairn: () => Promise.reject(new Error("Cairn must not be asked.")) };
  expect(await compare(asked)).toEqual({ outcome: "excluded" });
});

test("ids that were in flight before Cairn was asked are excluded, and a read with more than a thousand of them", async () => {
  const pair = await pairOf("l2");
  await pair.write("delete", { ids: ["r0"] }, ["chroma"]);
  let calls = 0;
  const pending = () => new Set(calls++ % 2 === 0 ? ["r0"] : []);
  expect(await compare(await pair.read("get", {}, { pending }))).toEqual({ outcome: "agreed" });
  const many = () => new Set(Array.from({ length: 1_001 }, (_, index) => `other${index}`));
  const read = await pair.read("get", {}, { pending: many });
  const asked = { ...read, askCairn: () => Promise.reject(new Error("Cairn must not be asked.")) };
  expect(await compare(asked)).toEqual({ outcome: "excluded" });
});

test("in flight records do not hide a difference of others", async () => {
  const pair = await pairOf("l2");
  await pair.write("delete", { ids: ["r5", "r6", "r7"] }, ["cairn"]);
  const pending = () => new Set(["r0"]);
  expect(await compare(await pair.read("count", undefined, { pending }))).toMatchObject({
    difference: { kind: "count", chroma: 40, cairn: 37 },
  });
  expect(await compare(await pair.read("get", { limit: 20 }, { pending }))).toMatchObject({ outcome: "differed" });
  const three = () => new Set(["r0", "r1", "r2"]); // as many as differ
  expect(await compare(await pair.read("get", {}, { pending: three }))).toMatchObject({ outcome: "differed" });
});

test("a write that reached both sides after Chroma's answer is no difference", async () => {
  const pair = await pairOf("l2");
  const read = await pair.read("get", {});
  await pair.write("update", { ids: ["r1"], documents: ["Changed on both sides"] });
  expect(await compare(read)).toEqual({ outcome: "agreed" });
});

test("the same refusal agrees, and a refusal of one side differs", async () => {
  const pair = await pairOf("l2");
  const wrong = { query_embeddings: [[1, 2]] };
  expect(await compare(await pair.read("query", wrong))).toEqual({ outcome: "agreed" });
  const read = await pair.read("get", {});
  const refuse = async () => ({ status: 403, body: new Uint8Array(), milliseconds: 1 });
  expect(await compare({ ...read, askCairn: refuse })).toEqual({
    outcome: "differed",
    agreement: 0,
    difference: { kind: "status", chroma: 200, cairn: 403 },
  });
  const busy = async () => ({ status: 503, body: new Uint8Array(), milliseconds: 1 });
  expect(await compare({ ...read, askCairn: busy })).toEqual({ outcome: "failed" });
});

async function nearest(pair: ShadowPair, count: number): Promise<readonly string[]> {
  const body = { ...QUERY, query_embeddings: QUERY.query_embeddings.slice(0, 1), n_results: count };
  const { body: bytes } = await pair.ask("cairn", { kind: "query", body });
  return JSON.parse(new TextDecoder().decode(bytes)).ids[0];
}

test.each(["l2", "cosine", "ip"])("records that Chroma has and did not find count as missed (%s)", async (space) => {
  const pair = await pairOf(space);
  const [first = "", second = ""] = await nearest(pair, 5);
  for (const body of [QUERY, { ...QUERY, include: [] }, { ...QUERY, where: { index: { $gte: 0 } } }]) {
    const comparison = await compare(await pair.read("query", body, { chroma: withoutIds(first, second) }));
    expect(comparison, JSON.stringify(body)).toMatchObject({
      outcome: "missed",
      difference: { kind: "hits", query: 0, limit: 5 },
    });
  }
});

test("a missed record does not hide a record with another text", async () => {
  const pair = await pairOf("l2");
  const [first = "", second = ""] = await nearest(pair, 5);
  await pair.write("update", { ids: [second], documents: ["Another text"] }, ["cairn"]);
  const read = await pair.read("query", QUERY, { chroma: withoutIds(first) });
  const askChroma: typeof read.askChroma = async (request, signal) =>
    request.kind === "query" ? read.chroma : read.askChroma(request, signal);
  expect(await compare({ ...read, askChroma })).toMatchObject({
    outcome: "differed",
    difference: { differing: [{ id: second, fields: ["document"] }] },
  });
});

test("a vector that differs decides, even if Chroma's index missed more in another", async () => {
  const pair = await pairOf("l2");
  const [first = "", second = "", third = ""] = await nearest(pair, 5);
  const query_embeddings = [...QUERY.query_embeddings.slice(0, 1), ...QUERY.query_embeddings.slice(0, 1)];
  const of =
    (query: number, ...ids: readonly string[]) =>
    (body: unknown) => {
      const [all, changed] = [body, withoutIds(...ids)(body)] as Record<string, unknown[]>[];
      const columns = Object.entries(all ?? {}).map(([name, column]) => {
        if (!Array.isArray(column) || name === "include") return [name, column];
        return [name, column.map((list, at) => (at === query ? changed?.[name]?.[at] : list))];
      });
      return Object.fromEntries(columns);
    };
  for (const [missed, differing] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const read = await pair.read(
      "query",
      { ...QUERY, query_embeddings },
      { chroma: of(missed, first, second, third), cairn: of(differing, first) },
    );
    const askChroma: typeof read.askChroma = async (request, signal) =>
      request.kind === "query" ? read.chroma : read.askChroma(request, signal);
    expect(await compare({ ...read, askChroma })).toMatchObject({
      outcome: "differed",
      difference: { query: differing },
    });
  }
});

test("records that Chroma does not have, or has elsewhere, are no records that it missed", async () => {
  const pair = await pairOf("l2");
  const [first = "", second = ""] = await nearest(pair, 5);
  await pair.write("delete", { ids: [first] }, ["chroma"]);
  expect(await compare(await pair.read("query", QUERY))).toMatchObject({ outcome: "differed" });
  const moved = await pairOf("l2");
  await moved.write("update", { ids: [second], embeddings: [Array(DIMENSIONS).fill(9)] }, ["chroma"]);
  expect(await compare(await moved.read("query", QUERY))).toMatchObject({ outcome: "differed" });
});

test("a record that only Chroma has differs, although Cairn's hits are the exact ones of its data", async () => {
  const pair = await pairOf("l2");
  const [first = ""] = await nearest(pair, 5);
  await pair.write("delete", { ids: [first] }, ["cairn"]);
  const comparison = await compare(await pair.read("query", QUERY));
  expect(comparison).toMatchObject({ outcome: "differed" });
});

test("a record that Cairn has and did not find differs, and the exact answer shows it", async () => {
  const pair = await pairOf("l2");
  const [first = ""] = await nearest(pair, 5);
  for (const body of [QUERY, { ...QUERY, include: [] }, { ...QUERY, n_results: 40 }]) {
    const comparison = await compare(await pair.read("query", body, { cairn: withoutIds(first) }));
    expect(comparison, JSON.stringify(body)).toMatchObject({ outcome: "differed" });
    if ("difference" in comparison && comparison.difference.kind === "hits")
      expect(comparison.difference.exact?.[0]?.id).toBe(first);
  }
});

test("hits that end too early differ", async () => {
  const pair = await pairOf("l2");
  const farthest = (await nearest(pair, 40)).at(-1) ?? "";
  const body = { query_embeddings: QUERY.query_embeddings.slice(0, 1), n_results: 40 };
  expect(await compare(await pair.read("query", body, { cairn: withoutIds(farthest) }))).toMatchObject({
    outcome: "differed",
    agreement: 1 - 1 / 40,
  });
});

test("a distance that differs is a difference, and one within the error of 32-bit floats is not", async () => {
  const pair = await pairOf("l2");
  const scaled = (factor: number) => (body: unknown) => {
    const answer = body as { readonly distances: readonly (readonly number[])[] };
    return { ...answer, distances: answer.distances.map((list) => list.map((value) => value * factor)) };
  };
  expect(await compare(await pair.read("query", QUERY, { cairn: scaled(1 + 1e-6) }))).toEqual({ outcome: "agreed" });
  expect(await compare(await pair.read("query", QUERY, { cairn: scaled(1.001) }))).toMatchObject({
    outcome: "differed",
    difference: { differing: expect.arrayContaining([{ id: expect.any(String), fields: ["distance"] }]) },
  });
});

test("records at the same distance are interchangeable at the end of the hits, and only there", async () => {
  const [vector = []] = vectors(1);
  const ids = ["a", "b", "c", "d"];
  const content = { ids, embeddings: [vector, vector, vector, vector.map((element) => -element)] };
  for (const include of [["distances"], []]) {
    const pair = await pairOf("l2", content);
    const body = { query_embeddings: [vector], n_results: 2, include };
    const found = async (side: "chroma" | "cairn") => {
      const answer = await pair.ask(side, { kind: "query", body: { ...body, n_results: 3 } });
      return JSON.parse(new TextDecoder().decode(answer.body)).ids[0] as string[];
    };
    const swap = (id: string, other: string) => (answer: unknown) =>
      JSON.parse(JSON.stringify(answer), (_, value) => (value === id ? other : value));
    const [, second = "", third = ""] = await found("cairn");
    expect(await compare(await pair.read("query", body, { cairn: swap(second, third) }))).toEqual({
      outcome: "agreed",
    });
  }
  const complete = await pairOf("l2", { ids: ids.slice(0, 3), embeddings: content.embeddings.slice(0, 3) });
  await complete.write("delete", { ids: ["a"] }, ["chroma"]);
  await complete.write("delete", { ids: ["b"] }, ["cairn"]);
  const body = { query_embeddings: [vector], n_results: 10 };
  expect(await compare(await complete.read("query", body))).toMatchObject({ outcome: "differed" });
});

test("what Cairn's index misses differs, although its answers repeat", async () => {
  const pair = await pairOf("l2", records(1_500));
  const { tenantId, collectionId } = pair;
  const indexSettings = { type: "ivfflat", probes: 1 } as const;
  await changeCollection(testDatabase.database, tenantId, collectionId, { indexSettings });
  const { done } = (await maintainIndexes(testDatabase.database, { tenantId, collection: collectionId })) ?? {};
  expect(done).toMatchObject([{ action: "build" }]);
  const outcomes = new Set<string>();
  for (const vector of vectors(10, { seed: 4 }))
    outcomes.add((await compare(await pair.read("query", { query_embeddings: [vector] }))).outcome);
  expect(outcomes).toContain("differed");
  expect(outcomes).not.toContain("missed");
});

test("what Chroma's index really misses is judged as missed", async () => {
  const pair = await pairOf("ip", records(200, { dimensions: 3 }));
  const outcomes = new Set<string>();
  for (const vector of vectors(40, { seed: 9, dimensions: 3 })) {
    const { outcome } = await compare(await pair.read("query", { query_embeddings: [vector], n_results: 100 }));
    outcomes.add(outcome);
  }
  expect([...outcomes].toSorted()).toEqual(["agreed", "missed"]);
});
