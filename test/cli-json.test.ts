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
let globalOptions: readonly string[];
let drop = async () => {};
let name: string;
beforeAll(async () => {
  if (!serverUrl()) return;
  folder = await mkdtemp(join(tmpdir(), "cairn-json-"));
  const { url = "", drop: dropDatabase } = await createEmptyDatabase();
  drop = dropDatabase;
  globalOptions = ["--database-url", url, "--embedding-model", "offline/words"];
  ({ name } = tenantName());
  await putRecords(await createChromaCollection(chroma, name), plainRecords(5, 8));
  await writeFile(join(folder, "hours.md"), "We are open from nine to five.");
  await writeFile(join(folder, "questions.jsonl"), '{"question": "when are you open", "relevant": ["hours"]}\n');
  await run("db", "migrate");
  await run("tenants", "create", "acme");
});
afterAll(async () => {
  await drop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Runs the command line in this process. It must print one JSON document, with any exit code. */
async function run(...args: readonly string[]): Promise<{ readonly code: number; readonly printed: unknown }> {
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((text: string) => void lines.push(text));
  const silenced = [vi.spyOn(console, "error"), vi.spyOn(process.stderr, "write")];
  for (const spy of silenced) spy.mockReturnValue(true as never);
  try {
    const code = await main([...globalOptions, ...args, "--json"]);
    return { code, printed: JSON.parse(lines.join("\n")) };
  } finally {
    for (const spy of [log, ...silenced]) spy.mockRestore();
  }
}

const replacePlaceholders = (args: readonly string[]) =>
  args.map((arg) => arg.replace("CHROMA", chroma).replace("NAME", name).replace("FOLDER", folder));

const acme = ["--tenant", "acme"];
const moving = ["--tenant", "moving"];
const source = ["--chroma", "CHROMA", "--only", "NAME", "--queries", "0", "--report", "FOLDER/report.html"];

// In an order in which each command finds the data it needs.
const COMMANDS: readonly (readonly string[])[] = [
  ["migrate", ...source, "--dry-run"],
  ["migrate", ...source],
  ["verify", ...source],
  ["ingest", "FOLDER/hours.md", ...acme],
  ["query", "when are you open", ...acme],
  ["explain", "when are you open", ...acme],
  ["evaluate", "--questions", "FOLDER/questions.jsonl", "--report", "FOLDER/evaluation.html", ...acme],
  ["questions", "add", "faq", "--questions", "FOLDER/questions.jsonl", "--every", "24", ...acme],
  ["questions", "list", ...acme],
  ["questions", "due"],
  ["questions", "runs", "faq", ...acme],
  ["questions", "delete", "faq", ...acme],
  ["stats", ...acme],
  ["usage", ...acme],
  ["tenants", "list"],
  ["tenants", "create", "other"],
  ["tenants", "limits", "other", "--rows", "10"],
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
  ["export", "FOLDER/acme.gz", ...acme],
  ["import", "FOLDER/acme.gz", "--tenant", "copy"],
  ["delete", "FOLDER/hours.md", ...acme],
  ["keys", "list", ...acme],
  ["keys", "create", ...acme],
  ["namespaces", "create", "shop"],
  ["namespaces", "list"],
  ["namespaces", "keys", "create", "shop"],
  ["cutover", "advance", ...moving],
  ["cutover", "status", ...moving],
  ["cutover", "settings", ...moving, "--strict", "on"],
  ["cutover", "compare", ...moving],
  ["cutover", "report", ...moving, "--out", "FOLDER/cutover.html"],
  ["cutover", "back", ...moving],
  ["tenants", "delete", "moving", "--yes"],
  ["namespaces", "delete", "shop", "--yes"],
  ["reindex", ...acme],
  ["tenants", "delete", "another", "--yes"],
  ["db", "status"],
  ["db", "migrate"],
];

// The output does not depend on the database, and opening the embedded database for each command is slow.
describe.runIf(serverUrl())("with --json", () => {
  test.each(COMMANDS)("cairn %s %s prints JSON", async (...args) => {
    expect(await run(...replacePlaceholders(args))).toMatchObject({ code: 0, printed: expect.anything() });
  });

  test("keys rotate, keys revoke and db rollback print JSON", async () => {
    const { printed } = await run("keys", "create", ...acme);
    const { id } = (printed as { key: { id: string } }).key;
    const rotated = await run("keys", "rotate", id, ...acme);
    expect(rotated).toMatchObject({ code: 0, printed: { key: { id: expect.any(String) } } });
    expect((await run("keys", "revoke", id, ...acme)).code).toBe(0);
    expect(await run("db", "rollback", "--yes")).toMatchObject({ code: 0, printed: { rolledBack: [{}] } });
    expect((await run("db", "migrate")).code).toBe(0);
  });

  test.each<[string, number, string, readonly string[]]>([
    ["an unknown command", 2, "invalid_input", ["migrat"]],
    ["a missing flag", 2, "invalid_input", ["migrate"]],
    ["a report in an unsupported format", 2, "invalid_input", ["migrate", ...source, "--report", "proof.pdf"]],
    [
      "a report in a folder that cannot be written",
      2,
      "invalid_input",
      ["verify", ...source, "--report", "FOLDER/hours.md/proof.html"],
    ],
    ["a missing file", 2, "invalid_input", ["query", "--embedding", "FOLDER/none.json", ...acme]],
    ["a missing mapping file", 2, "invalid_input", ["migrate", ...source, "--map", "FOLDER/none.json"]],
    ["an unknown id", 1, "not_found", ["delete", "none", ...acme]],
    ["an unknown tenant", 1, "not_found", ["collections", "list", "--tenant", "nobody"]],
    ["an existing name", 1, "already_exists", ["tenants", "create", "acme"]],
    ["an unmapped collection", 2, "", ["migrate", ...source, "--pattern", "kb_{tenant}", "--dry-run"]],
  ])("%s is refused with JSON output", async (_case, code, error, args) => {
    const result = await run(...replacePlaceholders(args));
    expect(result.code).toBe(code);
    if (error) expect(result.printed).toMatchObject({ error: { code: error, message: expect.any(String) } });
  });
});

test("every command is tested with --json", () => {
  const program = createProgram({ signal: new AbortController().signal, finish: () => {}, run: async () => 0 });
  const names = program.commands.flatMap((command) =>
    command.commands.length > 0
      ? command.commands.map((subcommand) => `${command.name()} ${subcommand.name()}`)
      : [command.name()],
  );
  const tested = new Set(COMMANDS.flatMap(([first, second]) => [first, `${first} ${second}`]));
  const exceptions = ["keys rotate", "keys revoke", "db rollback", "serve", "mcp", "demo", "cutover watch"]; // tested above, without an end, or for people
  const untested = names.filter(
    (name) => !tested.has(name) && !exceptions.includes(name) && !name.startsWith("cloud "),
  );
  expect(untested).toEqual([]);
});
