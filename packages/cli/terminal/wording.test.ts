import { AppError } from "@cairn/core/error.ts";
import { expect, test } from "vitest";
import { createProgram } from "../program.ts";
import { inCommandTerms } from "./wording.ts";

const program = createProgram({ signal: new AbortController().signal, finish: () => {}, run: async () => 0 });
const command = (...names: readonly string[]) =>
  names.reduce((parent, name) => parent.commands.find((child) => child.name() === name) ?? parent, program);

test.each([
  [["ingest"], "maxTokens", "--max-tokens"],
  [["query"], "top_k", "--top-k"],
  [["query"], "max_distance", "--max-distance"],
  [["query"], "collection", "--collection"],
  [["ingest"], "documents[3].id", "documents[3].id"],
  [["query"], "--tenant", "--tenant"],
] as const)("cairn %s calls the field %s %s", (names, path, expected) => {
  const error = new AppError("invalid_input", `${path} is wrong.`, { path });
  expect(inCommandTerms(error, command(...names)).path).toBe(expected);
});

test("a message names a setting by its flag and its variable", () => {
  const error = new AppError("invalid_input", "databaseUrl cannot be used: it contains a #.", {
    path: "databaseUrl",
  });
  expect(inCommandTerms(error, command("query"))).toEqual({
    message: "--database-url (DATABASE_URL) cannot be used: it contains a #.",
    path: "--database-url",
  });
});

test("a message names the flag, and the remedy is a command", () => {
  const invalid = new AppError("invalid_input", "A passage's maxTokens must be 16 or more.", {
    path: "maxTokens",
  });
  expect(inCommandTerms(invalid, command("ingest")).message).toBe("A passage's --max-tokens must be 16 or more.");
  const missing = new AppError("not_found", 'There is no tenant "acme".', { remedy: "list_tenants" });
  expect(inCommandTerms(missing, undefined).message).toBe('There is no tenant "acme". List them: cairn tenants list');
});
