import { migrate } from "@cairn/chroma/migrate.ts";
import { verdictSentence } from "@cairn/chroma/report/verdict.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import { sql } from "drizzle-orm";
import { beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { createCairnCli } from "./support/cairn-cli.ts";
import { startEmbeddingApi } from "./support/embedding-api.ts";
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
} from "./support/migration.ts";
import { always, type Fault, type HttpProxy, isFetch, type Rule, startHttpProxy } from "./support/proxy.ts";

// A collection that fails alone, while the others of its run continue.

const chroma = inject("chromaUrl");
const RECORDS = 120;
const testDb = useTestDatabase();
let proxy: HttpProxy;
let scope: string;
type CreatedCollection = Awaited<ReturnType<typeof createTenantCollection>>;
let failing: CreatedCollection;
let others: readonly CreatedCollection[];

beforeEach(async () => {
  await ownerRows(testDb.database, sql`DELETE FROM cairn.tenants`);
  proxy = await startHttpProxy(chroma);
  scope = await createChromaDatabase(chroma);
  const created = await Promise.all([1, 2, 3].map(() => createTenantCollection(chroma, scope)));
  for (const collection of created) await putRecords(collection, plainRecords(RECORDS, 4));
  [failing, ...others] = created as [CreatedCollection, ...CreatedCollection[]];
  return () => proxy.stop();
});

const migrateNow = async (timeout?: number) =>
  migrateDatabase(testDb.database, await openTestSource(proxy.url, { timeout }), scope);
const verifyNow = async () =>
  verify(testDb.services, await openTestSource(proxy.url), {
    databaseName: "test",
    cairnVersion: "0",
    queries: 10,
    pageSize: 40,
    scope: { databases: [scope] },
  });

/** The fault for every matching request for the failing collection. */
const forFailing = (fault: Fault, matches = (_: Parameters<Rule>[0]) => true): Rule =>
  always(fault, (request) => request.path.includes(failing.id) && matches(request));
/** Matches requests for the second and later pages. */
const laterPages = ({ path, body }: Parameters<Rule>[0]) =>
  isFetch({ path, body } as never) && !body.includes('"doc-0"');

async function ledger() {
  const [run] = await ownerRows<{ status: string; finished: boolean; failures: Record<string, object> }>(
    testDb.database,
    sql`SELECT status, finished_at IS NOT NULL AS finished, failures FROM cairn.migration_runs
        WHERE source = ${proxy.url} ORDER BY started_at DESC LIMIT 1`,
  );
  return run;
}

async function expectOthersDone() {
  for (const other of others) await expectSame(testDb.database, other);
}

describe("a collection that Chroma fails for", () => {
  const faults: readonly (readonly [string, Rule, RegExp])[] = [
    [
      "500 for its records",
      forFailing({ kind: "answer", status: 500, body: '{"message":"no disk"}' }, isFetch),
      /500 no disk/,
    ],
    ["503 for all its requests", forFailing({ kind: "answer", status: 503 }), /: 503 /],
    ["403 for one collection", forFailing({ kind: "answer", status: 403 }), /403/],
    [
      "422 for its pages",
      forFailing({ kind: "answer", status: 422, body: '{"message":"failing"}' }, isFetch),
      /422.*failing/,
    ],
    [
      "a page that is never complete JSON",
      forFailing({ kind: "truncate", share: 0.6 }, laterPages),
      /not complete JSON/,
    ],
    ["a page without a response", forFailing({ kind: "hang" }, laterPages), /no response within/],
  ];
  test.each(faults)(
    "%s fails the collection alone, and the next run continues with it",
    async (_name, rule, why) => {
      proxy.rules = [rule];
      const report = await migrateNow(1_500);
      expect(report).toMatchObject({
        verdict: "not_identical",
        totals: { failed: 1, differences: 1, collections: 2 },
      });
      expect(report.differences).toEqual([
        { collection: failing.name, id: "", kind: "failed", detail: expect.stringMatching(why) },
      ]);
      expect(verdictSentence(report)).toBe("Not identical: 1 collection failed.");
      expect(await ledger()).toMatchObject({
        status: "not_identical",
        finished: true,
        failures: { [failing.id]: { name: failing.name, attempts: 2, detail: expect.stringMatching(why) } },
      });
      await expectOthersDone();
      const written = Object.keys(await readCairn(testDb.database, failing.tenant)).length;

      proxy.rules = [];
      expect(await migrateNow()).toMatchObject({
        verdict: "identical",
        differences: [],
        totals: { failed: 0, written: RECORDS - written },
      });
      await expectSame(testDb.database, failing);
    },
  );

  test("a transient error is retried in the same run", async () => {
    let failures = 0;
    proxy.rules = [
      (request) =>
        request.path.includes(failing.id) && isFetch(request) && failures++ < 3
          ? { kind: "answer", status: 503 }
          : undefined,
    ];
    expect(await migrateNow()).toMatchObject({ verdict: "identical", totals: { written: 3 * RECORDS } });
    expect(await ledger()).toMatchObject({ failures: {} });
    await expectSame(testDb.database, failing);
  });

  test("verify reports the failed collection and compares the others", async () => {
    await migrateNow();
    proxy.rules = [forFailing({ kind: "answer", status: 503 }, isFetch)];
    const report = await verifyNow();
    expect(report).toMatchObject({
      verdict: "not_identical",
      totals: { failed: 1, collections: 2, compared: 2 * RECORDS },
    });
    expect(report.differences).toMatchObject([{ collection: failing.name, kind: "failed" }]);
    expect(report.search?.queries).toBe(10);
  });

  test("failed searches of one collection are a notice, and the others are searched", async () => {
    proxy.rules = [
      forFailing(
        { kind: "answer", status: 503 },
        ({ path, body }) =>
          path.endsWith("/query") && !body.includes('embeddings",') && !body.includes('"embeddings"]'),
      ),
    ];
    await migrateNow();
    const report = await verifyNow();
    expect(report.verdict).toBe("identical");
    expect(report.notices).toEqual([
      expect.stringMatching(`${failing.name}: its searches could not be compared.*503`),
    ]);
    expect(report.search?.perCollection.map(({ collection }) => collection).toSorted()).toEqual(
      others.map(({ name }) => name).toSorted(),
    );
  });
});

test("a collection whose rows the database refuses fails alone", async () => {
  await ownerRows(
    testDb.database,
    sql`CREATE FUNCTION cairn.refuse_failing() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.id = 'doc-77' AND NEW.tenant_id = ${sql.raw(`'${failing.tenant}'`)}::uuid
           THEN RAISE EXCEPTION 'failing' USING ERRCODE = '22P05'; END IF; RETURN NEW; END $$`,
  );
  await ownerRows(
    testDb.database,
    sql`CREATE TRIGGER refuse_failing BEFORE INSERT ON cairn.documents FOR EACH ROW EXECUTE FUNCTION cairn.refuse_failing()`,
  );
  onTestFinished(async () => {
    await ownerRows(testDb.database, sql`DROP FUNCTION IF EXISTS cairn.refuse_failing CASCADE`);
  });
  const report = await migrateNow();
  expect(report.differences).toMatchObject([{ collection: failing.name, kind: "failed" }]);
  await expectOthersDone();
  await ownerRows(testDb.database, sql`DROP FUNCTION cairn.refuse_failing CASCADE`);
  expect(await migrateNow()).toMatchObject({ verdict: "identical" });
  await expectSame(testDb.database, failing);
});

describe("a model's server", () => {
  async function embedding(model: string) {
    const api = await startEmbeddingApi({ dimensions: 8 });
    onTestFinished(() => api.stop());
    const embedders = createEmbedders({
      openai: { baseUrl: api.url, apiKey: "k" },
      defaultModel: model,
      defaultDimensions: 8,
      requests: { attempts: 2, backoff: 5, deadline: 2_000 },
    });
    const options = {
      databaseName: "test",
      cairnVersion: "0",
      queries: 0,
      pageSize: 40,
      scope: { databases: [scope] },
    };
    const source = await openTestSource(proxy.url);
    return {
      api,
      run: (more: object) => migrate({ ...testDb.services, embedders }, source, { ...options, ...more }),
    };
  }

  test("that fails stops the collections that need it, and copied collections continue", async () => {
    const { api, run } = await embedding("openai/own");
    await run({ only: [failing.name], reEmbed: "always", model: "openai/own" });
    await putRecords(failing, plainRecords(5, 4, "more-"));
    api.always({ kind: "status", status: 503 });
    const report = await run({});
    expect(report.differences).toMatchObject([
      { collection: failing.name, kind: "failed", detail: expect.stringContaining("503") },
    ]);
    await expectOthersDone();
    api.always(null);
    expect(await run({})).toMatchObject({ verdict: "identical", totals: { written: 5 } });
  });

  test("that fails stops the run if every collection needs it", async () => {
    const { api, run } = await embedding("openai/own");
    api.always({ kind: "quota" });
    const all = { reEmbed: "always", model: "openai/own" };
    await expect(run(all)).rejects.toMatchObject({ code: "embedding_quota" });
    expect(api.requests.length).toBeLessThanOrEqual(2); // of the collections in progress
    expect(await ledger()).toMatchObject({ status: "failed", finished: false });
    api.always(null);
    expect(await run(all)).toMatchObject({ verdict: "identical" });
  });
});

describe("an error that affects everything stops the run at once", () => {
  const faults: readonly (readonly [string, Fault, string])[] = [
    ["Chroma fails for all records", { kind: "answer", status: 503 }, "source_unavailable"],
    ["Chroma refuses the login", { kind: "answer", status: 401 }, "source_unavailable"],
    ["Chroma refuses all pages", { kind: "answer", status: 422 }, "source_invalid"],
  ];
  test.each(faults)("%s", async (_name, fault, code) => {
    proxy.rules = [always(fault, isFetch)];
    await expect(migrateNow()).rejects.toMatchObject({ code });
    expect(await ledger()).toMatchObject({ status: "failed", finished: false });
    proxy.rules = [];
    expect(await migrateNow()).toMatchObject({ verdict: "identical", totals: { written: 3 * RECORDS } });
  });

  test("Chroma refuses the login for one collection", async () => {
    proxy.rules = [forFailing({ kind: "answer", status: 401 })];
    await expect(migrateNow()).rejects.toMatchObject({ code: "source_unavailable" });
  });
});

test("the command reports the failed collection with the reason, migrates the others and exits with 4", async () => {
  const cairn = await createCairnCli();
  onTestFinished(() => cairn.remove());
  proxy.rules = [forFailing({ kind: "answer", status: 422, body: '{"message":"failing"}' }, isFetch)];
  const flags = ["--chroma", proxy.url, "--chroma-database", scope, "--queries", "0"];
  const dryRun = await cairn.run(["migrate", ...flags, "--dry-run"]);
  expect(dryRun).toMatchObject({ code: 4, out: expect.stringContaining("240 records in 2 collections") });
  expect(dryRun.out).toMatch(new RegExp(`Unreadable: .*${failing.name}\\. .*422.*failing`));
  const ended = await cairn.run(["migrate", ...flags]);
  expect(ended).toMatchObject({
    code: 4,
    out: expect.stringContaining("Not identical: 1 collection failed."),
  });
  expect(ended.out).toMatch(
    new RegExp(`Failed: 1\n  ${failing.name}: .*422.*failing[^]*Next: .*run the same command again`),
  );
  expect(ended.err).toMatch(new RegExp(`${failing.name} +failed: .*422`));
  const verified = await cairn.run(["verify", ...flags]);
  expect(verified).toMatchObject({ code: 4, out: expect.stringContaining("1 collection failed") });
  proxy.rules = [];
  expect(await cairn.run(["migrate", ...flags])).toMatchObject({ code: 0 });
}, 120_000);
