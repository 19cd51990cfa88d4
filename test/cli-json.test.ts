import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main } from "@cairn/cli/main.ts";
import { createProgram } from "@cairn/cli/program.ts";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { createEmptyDatabase, serverUrl } from "./support/database.ts";
import { createChromaCollection, plainRecords, putRecords, tenantName } from "./support/fill-chroma.ts";

const chroma = inject("chromaUrl");
let folder = "";
let shared: readonly string[];
let drop = async () => {};
let name: string;
beforeAll(async () => {
  if (!serverUrl()) return;
  folder = await mkdtemp(join(tmpdir(), "cairn-json-"));
  const { url = "", drop: dropDatabase } = await createEmptyDatabase();
  drop = dropDatabase;
  shared = ["--database-url", url, "--embedding-model", "offline/words"];
  ({ name } = tenantName());
  await putRecords(await createChromaCollection(chroma, name), plainRecords(5, 8));
  await writeFile(join(folder, "hours.md"), "We are open from nine to five.");
  await run("db", "migrate");
  await run("tenants", "create", "acme");
});
afterAll(async () => {
  await drop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Runs the command line in this process; what it prints must be one JSON document, whatever it ends with. */
async function run(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly printed: unknown }> {
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((text: string) => void lines.push(text));
  const quiet = [vi.spyOn(console, "error"), vi.spyOn(process.stderr, "write")];
  for (const spy of quiet) spy.mockReturnValue(true as never);
  try {
    const code = await main([...shared, ...args, "--json"]);
    return { code, printed: JSON.parse(lines.join("\n")) };
  } finally {
    for (const spy of [log, ...quiet]) spy.mockRestore();
  }
}

const fill = (args: readonly string[]) =>
  args.map((arg) => arg.replace("CHROMA", chroma).replace("NAME", name).replace("FOLDER", folder));

const acme = ["--tenant", "acme"];
const source = ["--chroma", "CHROMA", "--only", "NAME", "--queries", "0", "--report", "FOLDER/report.html"];

// In an order in which each finds what it needs.
const VERBS: readonly (readonly string[])[] = [
  ["migrate", ...source, "--dry-run"],
  ["migrate", ...source],
  ["verify", ...source],
  ["ingest", "FOLDER/hours.md", ...acme],
  ["query", "when are you open", ...acme],
  ["explain", "when are you open", ...acme],
  ["stats", ...acme],
  ["tenants", "list"],
  ["tenants", "create", "other"],
  ["collections", "list", ...acme],
  ["collections", "create", "faq", ...acme],
  ["collections", "rename", "faq", "questions", ...acme],
  ["collections", "set-model", "questions", "offline/words", "--yes", ...acme],
  ["tenants", "rename", "other", "another"],
  ["collections", "set-language", "questions", "german", ...acme],
  ["collections", "set-chunking", "questions", "--max-tokens", "200", "--overlap", "50", ...acme],
  ["collections", "set-index", "questions", '{"threshold": 500}', ...acme],
  ["collections", "delete", "questions", "--yes", ...acme],
  ["documents", "list", ...acme],
  ["documents", "get", "FOLDER/hours.md", ...acme],
  ["delete", "FOLDER/hours.md", ...acme],
  ["keys", "list", ...acme],
  ["keys", "create", ...acme],
  ["reindex", ...acme],
  ["tenants", "delete", "another", "--yes"],
  ["db", "status"],
  ["db", "migrate"],
];

// What is printed does not depend on the database, and the embedded one is opened anew by each command.
describe.runIf(serverUrl())("with --json", () => {
  test.each(VERBS)("cairn %s %s prints JSON", async (...args) => {
    expect(await run(...fill(args))).toMatchObject({ code: 0, printed: expect.anything() });
  });

  test("keys are rotated and revoked in JSON, and the schema goes back", async () => {
    const { printed } = await run("keys", "create", ...acme);
    const { id } = (printed as { key: { id: string } }).key;
    const rotated = await run("keys", "rotate", id, ...acme);
    expect(rotated).toMatchObject({ code: 0, printed: { key: { id: expect.any(String) } } });
    expect((await run("keys", "revoke", id, ...acme)).code).toBe(0);
    expect(await run("db", "rollback", "--yes")).toMatchObject({ code: 0, printed: { rolledBack: [{}] } });
    expect((await run("db", "migrate")).code).toBe(0);
  });

  test.each<[string, number, string, readonly string[]]>([
    ["an unknown verb", 2, "invalid_input", ["migrat"]],
    ["a flag that is missing", 2, "invalid_input", ["migrate"]],
    ["a report of another kind", 2, "invalid_input", ["migrate", ...source, "--report", "proof.pdf"]],
    [
      "a report where nothing can be written",
      2,
      "invalid_input",
      ["verify", ...source, "--report", "FOLDER/hours.md/proof.html"],
    ],
    ["a file that is not there", 2, "invalid_input", ["query", "--embedding", "FOLDER/none.json", ...acme]],
    ["a mapping that is not there", 2, "invalid_input", ["migrate", ...source, "--map", "FOLDER/none.json"]],
    ["ids that are not there", 1, "not_found", ["delete", "none", ...acme]],
    ["a tenant that is not there", 1, "not_found", ["collections", "list", "--tenant", "nobody"]],
    ["a name that is taken", 1, "already_exists", ["tenants", "create", "acme"]],
    ["what does not fit", 2, "", ["migrate", ...source, "--pattern", "kb_{tenant}", "--dry-run"]],
  ])("%s is refused in JSON", async (_what, code, error, args) => {
    const ended = await run(...fill(args));
    expect(ended.code).toBe(code);
    if (error) expect(ended.printed).toMatchObject({ error: { code: error, message: expect.any(String) } });
  });
});

test("no verb is forgotten", () => {
  const program = createProgram({ signal: new AbortController().signal, finish: () => {} });
  const verbs = program.commands.flatMap((command) =>
    command.commands.length > 0
      ? command.commands.map((one) => `${command.name()} ${one.name()}`)
      : [command.name()],
  );
  const asked = new Set(VERBS.flatMap(([verb, second]) => [verb, `${verb} ${second}`]));
  const apart = ["keys rotate", "keys revoke", "db rollback", "serve", "mcp"]; // above, or never ending
  const left = verbs.filter(
    (verb) => !asked.has(verb) && !apart.includes(verb) && !verb.startsWith("cloud "),
  );
  expect(left).toEqual([]);
});
