import { sql } from "drizzle-orm";
import { beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  expectSame,
  migrateDatabase,
  openTestSource,
  ownerRows,
  readCairn,
  readChroma,
} from "./support/migration.ts";
import {
  always,
  type Fault,
  type HttpProxy,
  isFetch,
  isListing,
  isVectorFetchOf,
  type SeenRequest,
  startHttpProxy,
  times,
} from "./support/proxy.ts";

const RECORDS = 200;
const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let proxy: HttpProxy;
let scope: string;
let collection: Awaited<ReturnType<typeof createTenantCollection>>;

beforeAll(async () => {
  scope = await createChromaDatabase(chroma);
  collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, plainRecords(RECORDS, 4));
});
// Each test starts with an empty database and its own source address, and therefore its own run.
beforeEach(async () => {
  await ownerRows(testDb.database, sql`DELETE FROM cairn.tenants`);
  proxy = await startHttpProxy(chroma);
  return () => proxy.stop();
});

const migrateNow = async (timeout?: number) =>
  migrateDatabase(testDb.database, await openTestSource(proxy.url, { timeout }), scope);
const storedIds = async () => Object.keys(await readCairn(testDb.database, collection.tenant));

/** Matches the `nth` fetch of records by id. */
function nthFetch(nth: number): (request: SeenRequest) => boolean {
  let fetches = 0;
  return (request) => isFetch(request) && ++fetches === nth;
}

describe("a transient fault", () => {
  const faults: readonly (readonly [string, Fault])[] = [
    ["a 503", { kind: "answer", status: 503 }],
    ["a 429", { kind: "answer", status: 429 }],
    ["a connection cut after 50 bytes", { kind: "cut", after: 50 }],
    ["half a JSON in a complete response", { kind: "truncate", share: 0.5 }],
    ["an empty response", { kind: "truncate", share: 0 }],
    [
      "an error page with status 200",
      { kind: "answer", status: 200, body: "<html>maintenance</html>", type: "text/html" },
    ],
    ["unrelated JSON", { kind: "answer", status: 200, body: '{"message":"maintenance"}' }],
  ];
  const requests: readonly (readonly [string, (request: SeenRequest) => boolean])[] = [
    ["heartbeat", ({ path }) => path.endsWith("/heartbeat")],
    ["list of collections", ({ path }) => path.includes("/collections?")],
    ["count", ({ path }) => path.endsWith("/count")],
    ["list of ids", isListing],
    ["page", isFetch],
  ];
  test.each(faults)("%s, twice for every kind of request, is retried", async (_name, fault) => {
    proxy.rules = requests.map(([, matches]) => times(2, fault, matches));
    expect(await migrateNow()).toMatchObject({ verdict: "identical", totals: { written: RECORDS } });
    await expectSame(testDb.database, collection);
  });

  test("a 500 for complete pages is retried and quarantines nothing", async () => {
    proxy.rules = [times(3, { kind: "answer", status: 500 }, isFetch)];
    expect(await migrateNow()).toMatchObject({ verdict: "identical", exceptions: [] });
    await expectSame(testDb.database, collection);
  });

  test("a request to a server that hangs ends with the timeout", async () => {
    proxy.rules = [times(1, { kind: "hang" }, isFetch)];
    expect(await migrateNow(2_000)).toMatchObject({ verdict: "identical" });
    await expectSame(testDb.database, collection);
  });
});

describe("a permanent fault", () => {
  const faults: readonly (readonly [string, Fault, RegExp])[] = [
    [
      "503",
      { kind: "answer", status: 503, body: '{"message":"no room"}' },
      /failed 3 times at .*\/get: 503 no room/,
    ],
    ["429", { kind: "answer", status: 429 }, /: 429 /],
    ["500", { kind: "answer", status: 500 }, /: 500 /],
    ["cut connections", { kind: "cut", after: 20 }, /failed 3 times at .*\/get: /],
    ["half JSON", { kind: "truncate", share: 0.6 }, /response is not complete JSON/],
    ["other JSON", { kind: "answer", status: 200, body: "{}" }, /response is not complete JSON/],
    [
      "garbage",
      { kind: "answer", status: 200, body: "\0\x01garbage", type: "application/octet-stream" },
      /it sent application\/octet-stream/,
    ],
    ["no response", { kind: "hang" }, /no response within 0\.3 s/],
  ];
  test.each(faults)(
    "%s from the third page on stops the run with the reason, and the run can be resumed",
    async (_name, fault, reason) => {
      const beyond = nthFetch(3);
      let broken = false;
      proxy.rules = [
        (request) => {
          broken ||= beyond(request);
          return broken && isFetch(request) ? fault : undefined;
        },
      ];
      const stopped = await migrateNow(300).catch((error: unknown) => error);
      expect(stopped).toMatchObject({ code: "source_unavailable", message: expect.stringMatching(reason) });
      const [run] = await ownerRows<{ status: string; last_error: string }>(
        testDb.database,
        sql`SELECT status, last_error FROM cairn.migration_runs ORDER BY started_at DESC LIMIT 1`,
      );
      expect(run).toMatchObject({ status: "failed", last_error: expect.stringMatching(reason) });
      const written = await storedIds();
      expect(written.length % 40).toBe(0);
      expect(written.length).toBeLessThanOrEqual(80);

      proxy.rules = [];
      const before = proxy.seen.length;
      expect(await migrateNow()).toMatchObject({ verdict: "identical", totals: { written: RECORDS } });
      const refetched = proxy.seen
        .slice(before)
        .filter(({ path, body }) => path.endsWith("/get") && body.includes('"embeddings"')).length;
      expect(refetched).toBe(2 * (RECORDS / 40) - written.length / 40);
      await expectSame(testDb.database, collection);
    },
  );

  test("a listing with JSON from a gateway never empties the target", async () => {
    await migrateNow();
    proxy.rules = [
      always({ kind: "answer", status: 200, body: '{"error":"down for maintenance"}' }, ({ path }) =>
        path.endsWith("/get"),
      ),
    ];
    await expect(migrateNow()).rejects.toMatchObject({ code: "source_unavailable" });
    expect(await storedIds()).toHaveLength(RECORDS);
  });

  test("an unreachable server is reported with the reason", async () => {
    const { url } = proxy;
    await proxy.stop();
    await expect(openTestSource(url)).rejects.toMatchObject({
      code: "source_unavailable",
      message: expect.stringMatching(/127\.0\.0\.1:\d+ failed 3 times at \/heartbeat: ECONNREFUSED/),
    });
  });
});

describe("records that a server cannot return", () => {
  const failVectorsOf = (...ids: readonly string[]) =>
    ids.map((id) =>
      always(
        { kind: "answer", status: 500, body: '{"error":"InternalError","message":"no vector"}' },
        isVectorFetchOf(id),
      ),
    );

  test("only a record that lacks its vector is quarantined, and its text is kept", async () => {
    proxy.rules = failVectorsOf("doc-77");
    const report = await migrateNow();
    expect(report.verdict).toBe("identical_with_exceptions");
    expect(report.exceptions).toEqual([expect.objectContaining({ id: "doc-77", reason: "vector_missing" })]);
    const inChroma = await readChroma(collection);
    const inCairn = await readCairn(testDb.database, collection.tenant);
    expect(inCairn["doc-77"]).toEqual({ ...inChroma["doc-77"], vector: null });
    expect({ ...inCairn, "doc-77": null }).toEqual({ ...inChroma, "doc-77": null });
  });

  test("records that lack their vectors are isolated on one page and on different pages", async () => {
    const ids = ["doc-0", "doc-101", "doc-102", "doc-199"];
    proxy.rules = failVectorsOf(...ids);
    const report = await migrateNow();
    expect(report.exceptions.map(({ id, reason }) => `${id} ${reason}`).sort()).toEqual(
      ids.map((id) => `${id} vector_missing`),
    );
    const inCairn = await readCairn(testDb.database, collection.tenant);
    expect(Object.keys(inCairn)).toHaveLength(RECORDS);
    expect(
      Object.entries(inCairn)
        .filter(([, { vector }]) => vector === null)
        .map(([id]) => id)
        .sort(),
    ).toEqual(ids);
  });

  test("vectors that are null, contain null or have other dimensions are quarantined, and the run is complete with exceptions", async () => {
    const vectors: Readonly<Record<string, readonly (number | null)[] | null>> = {
      "doc-3": [1, null, 0, 0],
      "doc-44": null,
      "doc-45": [null, null, null, null],
      "doc-150": [1, 0],
    };
    const change = (body: string) => {
      const page = JSON.parse(body) as { ids: string[]; embeddings: (readonly (number | null)[] | null)[] };
      const embeddings = page.ids.map((id, index) => (id in vectors ? vectors[id] : page.embeddings[index]));
      return JSON.stringify({ ...page, embeddings });
    };
    proxy.rules = [
      always(
        { kind: "change", change },
        (request) => isFetch(request) && request.body.includes('"embeddings"'),
      ),
    ];
    const report = await migrateNow();
    expect(report).toMatchObject({ verdict: "identical_with_exceptions", differences: [] });
    expect(report.totals).toMatchObject({ exceptions: 4, compared: RECORDS, vectorsCompared: RECORDS - 4 });
    expect(report.exceptions.map(({ id, reason }) => `${id} ${reason}`).sort()).toEqual([
      "doc-150 dimension_mismatch",
      "doc-3 vector_not_finite",
      "doc-44 vector_null",
      "doc-45 vector_not_finite",
    ]);
    expect(
      await ownerRows(
        testDb.database,
        sql`SELECT status FROM cairn.migration_runs WHERE source = ${proxy.url} AND finished_at IS NOT NULL`,
      ),
    ).toEqual([{ status: "complete_with_exceptions" }]);
    const inChroma = await readChroma(collection);
    for (const id of Object.keys(vectors)) Object.assign(inChroma[id] as object, { vector: null });
    expect(await readCairn(testDb.database, collection.tenant)).toEqual(inChroma);
  });

  test("a vector that was copied earlier is kept if Chroma can no longer return it", async () => {
    await migrateNow();
    proxy.rules = failVectorsOf("doc-5");
    expect(await migrateNow()).toMatchObject({
      verdict: "identical_with_exceptions",
      totals: { written: 0 },
    });
    await expectSame(testDb.database, collection);
  });

  test("a record that cannot be read at all is kept with its id", async () => {
    proxy.rules = [
      always(
        { kind: "answer", status: 500 },
        (request) =>
          isFetch(request) && request.body.includes('"doc-9"') && !request.body.includes('"include":[]'),
      ),
    ];
    const report = await migrateNow();
    expect(report.exceptions).toEqual([expect.objectContaining({ id: "doc-9", reason: "unreadable" })]);
    expect((await readCairn(testDb.database, collection.tenant))["doc-9"]).toEqual({
      document: null,
      metadata: {},
      uri: null,
      vector: null,
    });
  });

  test("a server that fails for all vectors is unavailable, and nothing is quarantined", async () => {
    proxy.rules = [
      always(
        { kind: "answer", status: 500, body: '{"message":"no index"}' },
        ({ path, body }) => path.endsWith("/get") && body.includes('"embeddings"'),
      ),
    ];
    await expect(migrateNow()).rejects.toMatchObject({
      code: "source_unavailable",
      message: expect.stringMatching(/500 for the vectors of .* in general.*no index/),
    });
    expect(await storedIds()).toEqual([]);
    proxy.rules = [];
    expect(await migrateNow()).toMatchObject({ verdict: "identical", exceptions: [] });
  });

  test("many consecutive records without vectors do not stop the run if the server returns others", async () => {
    const ids = Array.from({ length: 24 }, (_, index) => `doc-${index + 1}`);
    proxy.rules = failVectorsOf(...ids);
    const report = await migrateNow();
    expect(report.verdict).toBe("identical_with_exceptions");
    expect(report.exceptions.map(({ id }) => id).sort()).toEqual(ids.sort());
  });

  test("a server that fails for everything is unavailable, and nothing is quarantined", async () => {
    proxy.rules = [
      always({ kind: "answer", status: 500 }, ({ path }) => path.endsWith("/get") || path.endsWith("/query")),
    ];
    await expect(migrateNow()).rejects.toMatchObject({ code: "source_unavailable" });
    proxy.rules = [always({ kind: "answer", status: 500 }, isFetch)];
    await expect(migrateNow()).rejects.toMatchObject({ code: "source_unavailable" });
    expect(await storedIds()).toEqual([]);
    expect(
      await ownerRows(
        testDb.database,
        sql`SELECT FROM cairn.migration_exceptions AS e JOIN cairn.migration_runs AS r ON r.id = e.run_id WHERE r.source = ${proxy.url}`,
      ),
    ).toEqual([]);
  });
});
