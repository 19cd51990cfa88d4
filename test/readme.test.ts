import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
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

/** Splits a text into lines, with the same port in all server addresses. */
const lines = (content: string) => content.replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:8000").split("\n");

test("the README shows the output of the demo", async () => {
  const readme = await readFile(path("README.md"), "utf8");
  const [, block = ""] = /## What it looks like\n\n```\n\$ npm run demo\n([\s\S]*?)```/.exec(readme) ?? [];
  const readmeLines = block.split("\n").filter((line) => line.trim() !== "" && line.trim() !== "…");
  expect(readmeLines.length).toBeGreaterThan(8);
  const printedLines = lines(output);
  for (const line of readmeLines) {
    const parts = line.split("…");
    const isPrinted = printedLines.some((printed) => parts.every((part) => printed.includes(part)));
    expect(isPrinted, `the demo prints no line like: ${line}\n${output}`).toBe(true);
  }
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
