import { verdictSentence } from "@cairn/chroma/report/verdict.ts";
import { sql } from "drizzle-orm";
import { describe, expect, onTestFinished, test } from "vitest";
import { createCairnCli } from "./support/cairn-cli.ts";
import { RECORDS, useFailingCollection } from "./support/failing-collection.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { expectSame, ownerRows, readCairn } from "./support/migration.ts";
import { isFetch, type Rule } from "./support/proxy.ts";

// A collection that fails alone, while the others of its run continue.
const testDb = useTestDatabase();
const fixture = useFailingCollection(testDb);
const { expectOthersDone, forFailing, ledger, migrateNow, verifyNow } = fixture;

/** Matches requests for the second and later pages. */
const laterPages = ({ path, body }: Parameters<Rule>[0]) =>
  isFetch({ path, body } as never) && !body.includes('"doc-0"');

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
  test.each(faults)("%s fails the collection alone, and the next run continues with it", async (_name, rule, why) => {
    fixture.proxy.rules = [rule];
    const report = await migrateNow(1_500);
    expect(report).toMatchObject({
      verdict: "not_identical",
      totals: { failed: 1, differences: 1, collections: 2 },
    });
    expect(report.differences).toEqual([
      { collection: fixture.failing.name, id: "", kind: "failed", detail: expect.stringMatching(why) },
    ]);
    expect(verdictSentence(report)).toBe("Not identical: 1 collection failed.");
    expect(await ledger()).toMatchObject({
      status: "not_identical",
      finished: true,
      failures: {
        [fixture.failing.id]: {
          name: fixture.failing.name,
          attempts: 2,
          detail: expect.stringMatching(why),
        },
      },
    });
    await expectOthersDone();
    const written = Object.keys(await readCairn(testDb.database, fixture.failing.tenant)).length;

    fixture.proxy.rules = [];
    expect(await migrateNow()).toMatchObject({
      verdict: "identical",
      differences: [],
      totals: { failed: 0, written: RECORDS - written },
    });
    await expectSame(testDb.database, fixture.failing);
  });

  test("a transient error is retried in the same run", async () => {
    let failures = 0;
    fixture.proxy.rules = [
      (request) =>
        request.path.includes(fixture.failing.id) && isFetch(request) && failures++ < 3
          ? { kind: "answer", status: 503 }
          : undefined,
    ];
    expect(await migrateNow()).toMatchObject({ verdict: "identical", totals: { written: 3 * RECORDS } });
    expect(await ledger()).toMatchObject({ failures: {} });
    await expectSame(testDb.database, fixture.failing);
  });

  test("verify reports the failed collection and compares the others", async () => {
    await migrateNow();
    fixture.proxy.rules = [forFailing({ kind: "answer", status: 503 }, isFetch)];
    const report = await verifyNow();
    expect(report).toMatchObject({
      verdict: "not_identical",
      totals: { failed: 1, collections: 2, compared: 2 * RECORDS },
    });
    expect(report.differences).toMatchObject([{ collection: fixture.failing.name, kind: "failed" }]);
    expect(report.search?.queries).toBe(10);
  });

  test("failed searches of one collection are a notice, and the others are searched", async () => {
    fixture.proxy.rules = [
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
      expect.stringMatching(`${fixture.failing.name}: its searches could not be compared.*503`),
    ]);
    expect(report.search?.perCollection.map(({ collection }) => collection).toSorted()).toEqual(
      fixture.others.map(({ name }) => name).toSorted(),
    );
  });
});

test("a collection whose rows the database refuses fails alone", async () => {
  await ownerRows(
    testDb.database,
    sql`CREATE FUNCTION cairn.refuse_failing() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.id = 'doc-77' AND NEW.tenant_id = ${sql.raw(`'${fixture.failing.tenant}'`)}::uuid
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
  expect(report.differences).toMatchObject([{ collection: fixture.failing.name, kind: "failed" }]);
  await expectOthersDone();
  await ownerRows(testDb.database, sql`DROP FUNCTION cairn.refuse_failing CASCADE`);
  expect(await migrateNow()).toMatchObject({ verdict: "identical" });
  await expectSame(testDb.database, fixture.failing);
});

test("the command reports the failed collection with the reason, migrates the others and exits with 4", async () => {
  const cairn = await createCairnCli();
  onTestFinished(() => cairn.remove());
  fixture.proxy.rules = [forFailing({ kind: "answer", status: 422, body: '{"message":"failing"}' }, isFetch)];
  const flags = ["--chroma", fixture.proxy.url, "--chroma-database", fixture.scope, "--queries", "0"];
  const dryRun = await cairn.run(["migrate", ...flags, "--dry-run"]);
  expect(dryRun).toMatchObject({ code: 4, out: expect.stringContaining("240 records in 2 collections") });
  expect(dryRun.out).toMatch(new RegExp(`Unreadable: .*${fixture.failing.name}\\. .*422.*failing`));
  const ended = await cairn.run(["migrate", ...flags]);
  expect(ended).toMatchObject({
    code: 4,
    out: expect.stringContaining("Not identical: 1 collection failed."),
  });
  expect(ended.out).toMatch(
    new RegExp(`Failed: 1\n  ${fixture.failing.name}: .*422.*failing[^]*Next: .*run the same command again`),
  );
  expect(ended.err).toMatch(new RegExp(`${fixture.failing.name} +failed: .*422`));
  const verified = await cairn.run(["verify", ...flags]);
  expect(verified).toMatchObject({ code: 4, out: expect.stringContaining("1 collection failed") });
  fixture.proxy.rules = [];
  expect(await cairn.run(["migrate", ...flags])).toMatchObject({ code: 0 });
}, 120_000);
