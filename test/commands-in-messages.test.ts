import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { errorToApiTerms, reportToApiTerms, toApiTerms } from "@cairn/chroma/service/api-terms.ts";
import { createProgram } from "@cairn/cli/program.ts";
import { AppError } from "@cairn/core/error.ts";
import { expect, test } from "vitest";

// A problem of the API may hold any message of core and of the API itself: none names a command of the command line.

/** Lines for people at a terminal, which no request is answered with. */
const FOR_TERMINALS = ["packages/core/search/explain.ts", "packages/chroma/report/write.ts"];

const commands = createProgram({ signal: new AbortController().signal, finish: () => {} }).commands;
const COMMAND = new RegExp(`\\bcairn (${commands.map((one) => one.name()).join("|")})\\b`);

/** The lines of a file without its comments. */
function codeOf(file: string): readonly string[] {
  return readFileSync(file, "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|\s)\/\/.*$/gm, "")
    .split("\n");
}

/** The lines of the sources in some folders that match, with their files. */
function linesWith(pattern: RegExp, folders: readonly string[]): readonly string[] {
  const files = execFileSync("git", ["ls-files", ...folders], { encoding: "utf8" })
    .split("\n")
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !FOR_TERMINALS.includes(file));
  expect(files.length).toBeGreaterThan(50);
  return files.flatMap((file) =>
    codeOf(file)
      .filter((line) => pattern.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
}

test("no text of core or of the API names a command", () => {
  expect(commands.length).toBeGreaterThan(10);
  expect(linesWith(COMMAND, ["packages/core", "packages/api"])).toEqual([]);
});

test("what a migration says in commands and their options the API says in requests and their fields", () => {
  const options = commands.filter((one) => one.name() === "migrate").flatMap((one) => one.options);
  const flags = new RegExp(`(?<![\\w-])(${options.map(({ long }) => long).join("|")})(?![\\w-])`);
  const lines = linesWith(new RegExp(`${COMMAND.source}|${flags.source}`), ["packages/chroma"]);
  expect(lines.length).toBeGreaterThan(20);
  const told = lines.map(toApiTerms);
  expect(told.filter((line) => COMMAND.test(line) || flags.test(line))).toEqual([]);
});

test("an error and a report of a migration are told so, and what they tell of stays as it is", () => {
  const error = new AppError("invalid_input", "Say where it goes with --map, or run cairn migrate.", {
    path: "--map: faq",
  });
  expect(errorToApiTerms(error)).toMatchObject({
    code: "invalid_input",
    message: "Say where it goes with mapping, or run POST /v1/migrations.",
    path: "mapping: faq",
  });
  const report = {
    collections: [{ source: { name: "--prune" }, why: "--re-embed always" }],
    differences: [{ id: "--map", detail: "--prune deletes it here." }],
    notices: ["--mapper: --source-model"],
  };
  expect(reportToApiTerms(report)).toEqual({
    collections: [{ source: { name: "--prune" }, why: "re_embed: always" }],
    differences: [{ id: "--map", detail: "prune deletes it here." }],
    notices: ["--mapper: source_model"],
  });
});
