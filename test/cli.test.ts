import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createProgram } from "@cairn/cli/program.ts";
import { beforeAll, expect, inject, test } from "vitest";
import { type CairnCli, useCairnCli } from "./support/cairn-cli.ts";
import { serverUrl } from "./support/database.ts";
import { createChromaCollection, deleteRecords, plainRecords, putRecords, tenantName } from "./support/fill-chroma.ts";
import { schemaSteps } from "./support/schema-steps.ts";

const cli = useCairnCli();
let folder: string;
beforeAll(() => {
  folder = cli.folder;
});

const cairn: CairnCli["run"] = (args, options) => cli.run(args, options);
const json: CairnCli["json"] = (...args) => cli.json(...args);

test("--help lists the commands, the environment variables and the exit codes", async () => {
  const { code, out } = await cairn(["--help"]);
  expect(code).toBe(0);
  for (const word of [
    "migrate",
    "verify",
    "tenants",
    "collections",
    "documents",
    "query",
    "ingest",
    "delete",
    "stats",
    "db",
    "DATABASE_URL",
    "Exit codes",
  ])
    expect(out).toContain(word);
  expect((await cairn(["migrate", "--help"])).out).toContain("--dry-run");
});

test("only cairn --help lists the global options, and every other help says so", async () => {
  const program = createProgram({ signal: new AbortController().signal, finish: () => {}, run: async () => 0 });
  const globalFlags = program.options.flatMap(({ long }) => (long && long !== "--version" ? [long] : []));
  expect(globalFlags.length).toBeGreaterThan(10);
  const listedOptions = (help: string) => help.match(/(?<=^ {2}(-\w, )?)--[\w-]+/gm) ?? [];
  expect(listedOptions(helpOf(program))).toEqual(expect.arrayContaining(globalFlags));
  expect(helpOf(program)).not.toContain("Global options");

  const commands = program.commands.flatMap((command) => [command, ...command.commands]);
  expect(commands.length).toBeGreaterThan(30);
  for (const command of commands) {
    const help = helpOf(command);
    expect(listedOptions(help), command.name()).toContain("--help");
    expect(
      listedOptions(help).filter((flag) => globalFlags.includes(flag)),
      command.name(),
    ).toEqual([]);
    expect(help.trimEnd().split("\n").at(-1), command.name()).toMatch(/^Global options.*: cairn --help$/);
  }
  expect((await cairn(["tenants", "list", "--help"])).out).toMatch(/Global options.*: cairn --help\n$/);
});

/** The text that `--help` prints. */
function helpOf(command: ReturnType<typeof createProgram>): string {
  let help = "";
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
  });
  command.outputHelp();
  return help;
}

test("wrong usage exits with 2 and prints an error", async () => {
  for (const args of [
    ["migrat"],
    ["migrate"],
    ["query", "--top-k", "0", "x"],
    ["query", "--filter", "{", "x"],
    ["migrate", "--chroma", "nonsense"],
    ["--embedding-dimensions", "many", "tenants"],
  ]) {
    const { code, err } = await cairn(args);
    expect(code, args.join(" ")).toBe(2);
    expect(err).toMatch(/error/);
  }
});

test("the command line creates a tenant, and ingests, queries, lists and deletes documents", async () => {
  const created = await cairn(["tenants", "create", "acme"]);
  if (serverUrl()) {
    expect(created).toMatchObject({ code: 1, err: expect.stringContaining("cairn db migrate") });
    expect(await cairn(["db", "migrate"])).toMatchObject({ code: 0 });
    expect(await cairn(["tenants", "create", "acme"])).toMatchObject({ code: 0 });
  } else expect(created.code).toBe(0);
  expect(await cairn(["tenants", "create", "acme"])).toMatchObject({
    code: 1,
    err: expect.stringContaining("already"),
  });

  await writeFile(join(folder, "returns.md"), "# Returns\n\nSend it back within 30 days.\n");
  await writeFile(
    join(folder, "faq.jsonl"),
    '{"id":"hours","content":"We are open from nine to five.","metadata":{"topic":"hours","big":9007199254740993}}\n\n{"content":"Parcels leave the warehouse daily."}\n',
  );
  const ingested = await cairn(["ingest", "returns.md", "faq.jsonl"]);
  expect(ingested).toMatchObject({ code: 0, out: expect.stringContaining("3 documents") });
  expect(ingested.err).toMatch(/words/); // without an API key, the output names the embedder
  expect((await cairn(["ingest", "--id", "note"], { input: "Our office moved to Kiel." })).code).toBe(0);

  const { hits } = await json("query", "when are you open", "--top-k", "1");
  expect(hits[0]).toMatchObject({ id: "hours", content: "We are open from nine to five." });
  expect((await cairn(["query", "open", "--filter", '{"topic": "hours"}', "--json"])).out).toContain(
    "9007199254740993",
  );
  expect((await json("documents", "list")).documents).toHaveLength(4);
  expect((await cairn(["documents", "get", "note"])).out).toContain("Kiel");
  expect((await cairn(["delete", "note"])).out).toContain("Deleted 1 document");
  expect((await cairn(["documents", "get", "note"])).code).toBe(1);
  expect((await json("stats")).collections[0]).toMatchObject({
    tenant: "acme",
    collection: "knowledge",
    documents: 3,
    vectors: 3,
  });
});

test("an invalid line of JSON Lines is reported with file, line and field, and nothing is written", async () => {
  await writeFile(join(folder, "bad.jsonl"), '{"id":"fine","content":"x"}\n{"id":"bad","contents":"x"}\n');
  const { code, err } = await cairn(["ingest", "bad.jsonl"]);
  expect(code).toBe(2);
  expect(err).toMatch(/bad\.jsonl, line 2.*contents/);
  expect((await cairn(["documents", "get", "fine"])).code).toBe(1);
});

test("migrate and verify exit with 0, 3 and 4, and --dry-run creates nothing", async () => {
  const { name } = tenantName();
  const collection = await createChromaCollection(inject("chromaUrl"), name);
  await putRecords(collection, plainRecords(50, 8));
  const flags = ["--chroma", inject("chromaUrl"), "--only", name, "--report", "proof.html"];

  const dryRun = await cairn(["migrate", ...flags, "--dry-run", "--directory", "never"], {
    env: { DATABASE_URL: "" },
  });
  expect(dryRun).toMatchObject({ code: 0, out: expect.stringContaining("50 records in 1 collection") });
  const columns =
    "collection records dimensions metric Chroma's model no text odd metadata quarantined unreadable tenant target vectors size time";
  expect(dryRun.out.replaceAll(/\s+/g, " ")).toContain(columns);
  expect(dryRun.out.replaceAll(/\s+/g, " ")).toMatch(
    new RegExp(`${name} 50 8 cosine \\S.* 0 0 0 0 .* knowledge copied`),
  );
  expect(existsSync(join(folder, "never"))).toBe(false);

  expect(await cairn(["migrate", ...flags])).toMatchObject({
    code: 0,
    out: expect.stringContaining("Identical"),
  });
  expect(await readFile(join(folder, "proof.html"), "utf8")).toContain("</html>");
  expect((await cairn(["verify", ...flags])).code).toBe(0);

  await putRecords(collection, [{ id: "zero", embedding: [0, 0, 0, 0, 0, 0, 0, 0], document: "no direction" }]);
  expect(await cairn(["verify", ...flags])).toMatchObject({
    code: 4,
    out: expect.stringContaining("missing"),
  });
  expect(await cairn(["migrate", ...flags])).toMatchObject({
    code: 3,
    out: expect.stringContaining("vector_zero"),
  });
  expect((await cairn(["verify", ...flags])).code).toBe(3);

  await deleteRecords(collection, ["doc-7"]);
  const { verdict, differences } = await json("migrate", ...flags);
  expect({ verdict, differences }).toMatchObject({
    verdict: "not_identical",
    differences: [{ id: "doc-7", kind: "extra" }],
  });
  expect((await cairn(["migrate", ...flags, "--prune"])).code).toBe(3);
});

test("flags take precedence over the environment", async () => {
  const env = { DATABASE_URL: "postgres://nobody:secret@127.0.0.1:1/none" };
  const unreachable = await cairn(["tenants"], { env });
  expect(unreachable).toMatchObject({ code: 1, err: expect.stringContaining("DATABASE_URL") });
  expect(unreachable.err).not.toContain("secret");
  const flag = cli.databaseUrl ? ["--database-url", cli.databaseUrl] : [];
  if (flag.length > 0) expect((await cairn(["tenants", ...flag], { env })).code).toBe(0);
  expect(
    (
      await cairn(["--embedding-dimensions", "8", "collections", "create", "small", "--tenant", "acme"], {
        env: { CAIRN_EMBEDDING_DIMENSIONS: "16" },
      })
    ).out,
  ).toContain("8 dimensions");
});

test("db migrate, rollback and status apply, roll back and list the schema migrations", async () => {
  const { applied } = await json("db", "status");
  const { length: steps } = await schemaSteps();
  expect(applied).toHaveLength(steps);
  expect(await cairn(["db", "rollback", "--steps", "9"])).toMatchObject({ code: 2 }); // without --yes
  const runbook = await readFile(new URL("../docs/migrate.md", import.meta.url), "utf8");
  const [, command = ""] = /`cairn (db rollback --all --yes)`/.exec(runbook) ?? [];
  expect((await cairn(command.split(" "))).code).toBe(0);
  expect((await json("db", "status")).pending).toHaveLength(steps);
  expect((await cairn(["db", "migrate"])).code).toBe(0);
});
