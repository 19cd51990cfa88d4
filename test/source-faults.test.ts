import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { RECORDS, useFaultySource } from "./support/faulty-source.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { expectSame, openTestSource, ownerRows } from "./support/migration.ts";
import { always, type Fault, isFetch, isListing, type SeenRequest, times } from "./support/proxy.ts";

const testDb = useTestDatabase();
const fixture = useFaultySource(testDb);
const { migrateNow, storedIds } = fixture;

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
    fixture.proxy.rules = requests.map(([, matches]) => times(2, fault, matches));
    expect(await migrateNow()).toMatchObject({ verdict: "identical", totals: { written: RECORDS } });
    await expectSame(testDb.database, fixture.collection);
  });

  test("a 500 for complete pages is retried and quarantines nothing", async () => {
    fixture.proxy.rules = [times(3, { kind: "answer", status: 500 }, isFetch)];
    expect(await migrateNow()).toMatchObject({ verdict: "identical", exceptions: [] });
    await expectSame(testDb.database, fixture.collection);
  });

  test("a request to a server that hangs ends with the timeout", async () => {
    fixture.proxy.rules = [times(1, { kind: "hang" }, isFetch)];
    expect(await migrateNow(2_000)).toMatchObject({ verdict: "identical" });
    await expectSame(testDb.database, fixture.collection);
  });
});

describe("a permanent fault", () => {
  const faults: readonly (readonly [string, Fault, RegExp])[] = [
    ["503", { kind: "answer", status: 503, body: '{"message":"no room"}' }, /failed 3 times at .*\/get: 503 no room/],
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
      fixture.proxy.rules = [
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

      fixture.proxy.rules = [];
      const before = fixture.proxy.seen.length;
      expect(await migrateNow()).toMatchObject({ verdict: "identical", totals: { written: RECORDS } });
      const refetched = fixture.proxy.seen
        .slice(before)
        .filter(({ path, body }) => path.endsWith("/get") && body.includes('"embeddings"')).length;
      expect(refetched).toBe(2 * (RECORDS / 40) - written.length / 40);
      await expectSame(testDb.database, fixture.collection);
    },
  );

  test("a listing with JSON from a gateway never empties the target", async () => {
    await migrateNow();
    fixture.proxy.rules = [
      always({ kind: "answer", status: 200, body: '{"error":"down for maintenance"}' }, ({ path }) =>
        path.endsWith("/get"),
      ),
    ];
    await expect(migrateNow()).rejects.toMatchObject({ code: "source_unavailable" });
    expect(await storedIds()).toHaveLength(RECORDS);
  });

  test("an unreachable server is reported with the reason", async () => {
    const { url } = fixture.proxy;
    await fixture.proxy.stop();
    await expect(openTestSource(url)).rejects.toMatchObject({
      code: "source_unavailable",
      message: expect.stringMatching(/127\.0\.0\.1:\d+ failed 3 times at \/heartbeat: ECONNREFUSED/),
    });
  });
});
