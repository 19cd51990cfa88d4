import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Setting } from "@cairn/api/settings/setting.ts";
import { SETTINGS } from "@cairn/api/settings/table.ts";
import { errorToApiTerms, reportToApiTerms, toApiTerms } from "@cairn/chroma/service/api-terms.ts";
import { createProgram } from "@cairn/cli/program.ts";
import { AppError } from "@cairn/core/error.ts";
import { expect, test } from "vitest";

// The API can return any error message of core and of the API, so none of them names a `cairn` command.

/** Files whose messages only the command line prints. */
const COMMAND_LINE_ONLY = [
  "packages/core/search/explain.ts",
  "packages/chroma/report/write.ts",
  "packages/chroma/back/migrate-back.ts",
];

const commands = createProgram({ signal: new AbortController().signal, finish: () => {}, run: async () => 0 }).commands;
const COMMAND = new RegExp(`\\bcairn (${commands.map((command) => command.name()).join("|")})\\b`);

/** The lines of a file without comments. */
function codeOf(file: string): readonly string[] {
  return readFileSync(file, "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|\s)\/\/.*$/gm, "")
    .split("\n");
}

/** Matching source lines in the folders, with their files. */
function linesWith(pattern: RegExp, folders: readonly string[]): readonly string[] {
  const files = execFileSync("git", ["ls-files", ...folders], { encoding: "utf8" })
    .split("\n")
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !COMMAND_LINE_ONLY.includes(file));
  expect(files.length).toBeGreaterThan(50);
  return files.flatMap((file) =>
    codeOf(file)
      .filter((line) => pattern.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
}

test("no message of core or of the API names a command", () => {
  expect(commands.length).toBeGreaterThan(10);
  expect(linesWith(COMMAND, ["packages/core", "packages/api"])).toEqual([]);
});

test("core names no flag and no environment variable", () => {
  const variables = Object.values<Setting>(SETTINGS).flatMap(({ variable }) => variable ?? []);
  expect(variables.length).toBeGreaterThan(30);
  const names = variables.filter((variable) => variable !== "PORT").join("|");
  const lines = linesWith(new RegExp(`\\b(${names})\\b|(?<![\\w-])--[a-z]`), ["packages/core"]);
  const isStylesheet = (line: string) => /^\S+\/style\.ts:/.test(line); // custom properties of CSS look like flags
  expect(lines.filter((line) => !isStylesheet(line))).toEqual([]);
});

test("the API replaces commands and flags in a migration's messages by requests and fields", () => {
  const options = commands.filter((command) => command.name() === "migrate").flatMap((command) => command.options);
  const flags = new RegExp(`(?<![\\w-])(${options.map(({ long }) => long).join("|")})(?![\\w-])`);
  const lines = linesWith(new RegExp(`${COMMAND.source}|${flags.source}`), ["packages/chroma"]);
  expect(lines.length).toBeGreaterThan(20);
  const translated = lines.map(toApiTerms);
  expect(translated.filter((line) => COMMAND.test(line) || flags.test(line))).toEqual([]);
});

test("errors and reports of a migration are translated, names in them are unchanged", () => {
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
