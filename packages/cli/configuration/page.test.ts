import { readFile } from "node:fs/promises";
import type { Setting } from "@cairn/api/settings/setting.ts";
import { SETTINGS } from "@cairn/api/settings/table.ts";
import { expect, test } from "vitest";
import { createProgram } from "../program.ts";
import { configurationPage } from "./page.ts";

test("docs/configuration.md is up to date; npm run docs:configuration writes it", async () => {
  const page = await readFile(new URL("../../../docs/configuration.md", import.meta.url), "utf8");
  expect(page).toBe(configurationPage());
});

test("every option of cairn and of cairn serve that has a variable is on the page", () => {
  const program = createProgram({ signal: new AbortController().signal, finish: () => {}, run: async () => 0 });
  const serve = program.commands.find((command) => command.name() === "serve");
  const options = [...program.options, ...(serve?.options ?? [])].filter(({ envVar }) => envVar);
  expect(options.length).toBeGreaterThan(35);
  for (const { flags, envVar } of options)
    expect(configurationPage()).toMatch(new RegExp(`\\| \`${flags}\` \\| \`${envVar}\``));
});

test("no two settings share a variable, a flag or a secret", () => {
  const settings = Object.values<Setting>(SETTINGS);
  for (const field of ["variable", "flag", "secret"] as const) {
    const names = settings.map((setting) => setting[field]).filter((name) => typeof name === "string");
    expect(names.length).toBeGreaterThan(3);
    expect(new Set(names).size, field).toBe(names.length);
  }
});
