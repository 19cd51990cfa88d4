import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const path = (relative: string) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
const TIMEOUT_MS = 600_000;

let folder: string;
let output = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-demo-"));
  output = await run([path("packages/cli/bin/cairn.mjs"), "demo"]);
}, TIMEOUT_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs Node in the demo's folder, without the Cairn settings of the environment, and returns its output. */
async function run(args: readonly string[]): Promise<string> {
  const { DATABASE_URL, OPENAI_API_KEY, OPENAI_BASE_URL, CAIRN_EMBEDDING_MODEL, ...env } = process.env;
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return `${out}${err}`;
}

test("the pictures of the README show the output of the demo", async () => {
  const readme = await readFile(path("README.md"), "utf8");
  const pictures = [...readme.matchAll(/<img src="([^"]+)" [^>]*alt="[^:"]+: ([^"]+)">/g)];
  expect(pictures).toHaveLength(2);
  for (const [, file = "", shown = ""] of pictures) {
    expect((await stat(path(file))).size).toBeLessThan(100_000);
    expect(output.replaceAll(/ {2}/g, ", ")).toContain(shown);
  }
});

test("the README shows the move of a tenant as the demo prints it, without a failed request", async () => {
  const readme = await readFile(path("README.md"), "utf8");
  const [, shown = ""] = /```\n( {3}chroma [^`]*)```/.exec(readme) ?? [];
  expect(shown).toContain(" 0 failed requests");
  // Times and counts differ from run to run, apart from the share that agrees and the failures.
  const withoutFigures = (line: string) => line.replaceAll(/[\d.,]+ (?!failed|%)/g, "# ").replaceAll(/\s+/g, " ");
  const linesOf = (printed: string) => printed.trimEnd().split("\n").map(withoutFigures);
  expect(linesOf(output)).toEqual(expect.arrayContaining(linesOf(shown)));
});

test("the demo writes the report of the move", async () => {
  const [, tenant = "?"] = /Kessel & Crema\n.* query --tenant (\S+)/.exec(output) ?? [];
  expect(await readFile(join(folder, ".demo/cutover.html"), "utf8")).toContain(tenant);
});

test(
  "a command that the demo prints works in a shell",
  async () => {
    const [, command = ""] = /^ {3}\$ npx cairn (query .*)$/m.exec(output) ?? [];
    const args = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
    const printed = await run([path("packages/cli/bin/cairn.mjs"), ...args]);
    expect(printed).toContain("1. returns-policy");
  },
  TIMEOUT_MS,
);
