import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createProgram } from "@cairn/cli/program.ts";
import { expect, test } from "vitest";

// A problem of the API may hold any message of core and of the API itself: none names a command of the command line.

/** Lines for people at a terminal, which no request is answered with. */
const FOR_TERMINALS = ["packages/core/search/explain.ts"];

const commands = createProgram({ signal: new AbortController().signal, finish: () => {} }).commands;
const COMMAND = new RegExp(`\\bcairn (${commands.map((one) => one.name()).join("|")})\\b`);

/** The lines of a file without its comments. */
function codeOf(file: string): readonly string[] {
  return readFileSync(file, "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|\s)\/\/.*$/gm, "")
    .split("\n");
}

test("no text of core or of the API names a command", () => {
  const files = execFileSync("git", ["ls-files", "packages/core", "packages/api"], { encoding: "utf8" })
    .split("\n")
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !FOR_TERMINALS.includes(file));
  expect(files.length).toBeGreaterThan(100);
  expect(commands.length).toBeGreaterThan(10);
  const named = files.flatMap((file) =>
    codeOf(file)
      .filter((line) => COMMAND.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
  expect(named).toEqual([]);
});
