import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, inject, test } from "vitest";
import { CAIRN, databaseEnvironment, useCairnCli } from "./support/cairn-cli.ts";
import { createChromaCollection, plainRecords, putRecords } from "./support/fill-chroma.ts";
import { createChromaDatabase } from "./support/migration.ts";
import { HAS_TERMINAL, runInTerminal } from "./support/terminal.ts";

// `cairn migrate` proposes a mapping for names that match no pattern.

const chroma = inject("chromaUrl");
const cli = useCairnCli();
let scope: string;
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
  for (const file of await mappingFiles()) await rm(join(cli.folder, file));
});

const mappingFiles = async () => (await readdir(cli.folder)).filter((file) => file.startsWith("cairn-map")).sort();
const readMapping = async (file = "cairn-map.json") => JSON.parse(await readFile(join(cli.folder, file), "utf8"));
const fill = async (...names: readonly string[]) => {
  for (const name of names) {
    const collection = await createChromaCollection(chroma, name, { database: scope, space: "l2" });
    await putRecords(collection, plainRecords(3, 4));
  }
};
const migrateArgs = (...more: readonly string[]) => [
  "migrate",
  ...["--chroma", chroma, "--chroma-database", scope, "--queries", "0"],
  ...more,
];
/** The tenants in the database, or [] without a database. */
const tenantNames = async (): Promise<readonly string[]> => {
  const { out } = await cli.run(["tenants", "list", "--json"]);
  const tenants = JSON.parse(out);
  return Array.isArray(tenants) ? tenants.map(({ name }: { readonly name: string }) => name) : [];
};
/** Runs the command that a text tells its reader to run, in a shell. */
const runShown = (text: string) => {
  const [, args = ""] = /^ {2}npx cairn (.+)$/m.exec(text) ?? [];
  return cli.run(args.split(" ").map((word) => word.replaceAll("'", "")));
};

test("a script is not asked: it gets the mapping as a file, and the command that continues with it", async () => {
  await fill("acme1-docs", "acme1-faq", "globex1-docs");
  const refused = await cli.run(migrateArgs(), { input: "y\n" });
  expect(refused).toMatchObject({ code: 2, err: expect.stringMatching(/Nothing was migrated.*cairn-map\.json/) });
  expect(refused.out + refused.err).not.toContain("[y/N]");
  expect(refused.out).toMatch(/acme1-faq +acme1 +faq\n/);
  expect(await readMapping()).toEqual({
    "acme1-docs": { tenant: "acme1", collection: "docs" },
    "acme1-faq": { tenant: "acme1", collection: "faq" },
    "globex1-docs": { tenant: "globex1", collection: "docs" },
  });
  expect(await tenantNames()).not.toContain("acme1");
  expect(await runShown(refused.err)).toMatchObject({ code: 0, out: expect.stringContaining("Identical") });
  expect(await tenantNames()).toEqual(expect.arrayContaining(["acme1", "globex1"]));
});

test("the command that continues does not repeat a token", async () => {
  await fill("acme2-docs");
  const { err } = await cli.run(migrateArgs("--token", "secret-token", "--only", "acme 2*", "--only", "acme*"));
  expect(err).toContain("--token '<token>'");
  expect(err).toContain("--only 'acme 2*' --only 'acme*' --queries 0 --map cairn-map.json");
  expect(err).not.toContain("secret-token");
});

test("a dry run shows the migration with the proposed mapping, and exits like the migration in a script", async () => {
  await fill("acme3-docs", "globex3-docs");
  const planned = await cli.run(migrateArgs("--dry-run"));
  expect(planned).toMatchObject({
    code: 2,
    out: expect.stringMatching(/6 records in 2 collections.*cairn-map\.json/s),
  });
  expect(planned.out).toContain("Nothing was written to a database.");
  expect(await tenantNames()).not.toContain("acme3");
  expect(await cli.json(...migrateArgs("--dry-run"))).toMatchObject({
    proposedMapping: "cairn-map.json",
    collections: [{ target: { tenant: "acme3" } }, { target: { tenant: "globex3" } }],
  });
  expect(await runShown(planned.out)).toMatchObject({ code: 0, out: expect.stringContaining("Identical") });
});

test("a file that is there is not overwritten, unless it has the same mapping", async () => {
  await fill("acme4-docs");
  for (const _ of [1, 2]) expect(await cli.run(migrateArgs())).toMatchObject({ code: 2 });
  expect(await mappingFiles()).toEqual(["cairn-map.json"]);
  await writeFile(join(cli.folder, "cairn-map.json"), '{"acme4-docs": null}');
  const { err, out } = await cli.run(migrateArgs());
  expect(out).toContain("cairn-map.json has another mapping and was kept");
  expect(err).toContain("--map cairn-map-2.json");
  expect(await readMapping()).toEqual({ "acme4-docs": null });
  expect(await mappingFiles()).toEqual(["cairn-map-2.json", "cairn-map.json"]);
});

test("only the collections that the default pattern leaves are proposed", async () => {
  await fill("tenant_acme5_docs", "acme5-notes");
  expect(await cli.run(migrateArgs())).toMatchObject({ code: 2 });
  expect(await readMapping()).toEqual({ "acme5-notes": { tenant: "acme5", collection: "notes" } });
});

test("no mapping is proposed if every name matches, or if a pattern or a mapping is given", async () => {
  await fill("tenant_acme6_docs");
  expect(await cli.run(migrateArgs("--dry-run"))).toMatchObject({ code: 0 });
  await fill("globex6");
  expect(await cli.run(migrateArgs("--pattern", "kb_{tenant}", "--dry-run"))).toMatchObject({ code: 2 });
  expect(await mappingFiles()).toEqual([]);
});

test("with --tenant, the proposal gives everything to this tenant", async () => {
  await fill("docs", "faq");
  expect(await cli.run(migrateArgs("--tenant", "acme7"))).toMatchObject({ code: 2 });
  expect(Object.values(await readMapping())).toMatchObject([{ tenant: "acme7" }, { tenant: "acme7" }]);
});

const inTerminal = (text: string, env: NodeJS.ProcessEnv = {}, args: readonly string[] = []) =>
  runInTerminal([process.execPath, CAIRN, ...migrateArgs(...args)].join(" "), {
    cwd: cli.folder,
    env: { ...process.env, CI: "", ...databaseEnvironment(cli.databaseUrl), ...env },
    type: { at: /\[y\/N\]/, text },
  });

test.skipIf(!HAS_TERMINAL)("on a terminal, yes continues and no stops", async () => {
  await fill("acme8-docs", "globex8-docs");
  const declined = await inTerminal("n\r");
  expect(declined).toMatchObject({ code: 2, shown: expect.stringContaining("Continue with this mapping? [y/N]") });
  expect(declined.shown).toContain("Nothing was migrated.");
  expect(await inTerminal("\u0003")).toMatchObject({ code: 130 });
  expect(await tenantNames()).not.toContain("acme8");

  const confirmed = await inTerminal("y\r");
  expect(confirmed).toMatchObject({ code: 0, shown: expect.stringContaining("Identical: 6 records") });
  expect(confirmed.shown).toContain("Set --map cairn-map.json for later runs");
  expect(await tenantNames()).toEqual(expect.arrayContaining(["acme8", "globex8"]));
});

test.skipIf(!HAS_TERMINAL)("a terminal is not asked in CI, with --json, or by a dry run", async () => {
  await fill("acme9-docs");
  for (const shown of [
    await inTerminal("y\r", { CI: "true" }),
    await inTerminal("y\r", {}, ["--json"]),
    await inTerminal("y\r", {}, ["--dry-run"]),
  ]) {
    expect(shown.code).toBe(2);
    expect(shown.shown).not.toContain("[y/N]");
  }
  expect(await tenantNames()).not.toContain("acme9");
});
