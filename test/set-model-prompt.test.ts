import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { main } from "@cairn/cli/main.ts";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createEmptyDatabase, serverUrl } from "./support/database.ts";

// The confirmation of set-model at a terminal, if the collection has vectors of another model.

let folder = "";
let shared: readonly string[];
let drop = async () => {};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-prompt-"));
  const empty = serverUrl() ? await createEmptyDatabase() : undefined;
  if (empty) ({ drop } = empty);
  shared = empty
    ? ["--database-url", empty.url as string, "--embedding-model", "offline/words"]
    : ["--directory", folder];
  await run("", "db", "migrate");
  await run("", "tenants", "create", "acme");
  await run("", "collections", "create", "faq", "--dimensions", "2", "--model", "local/a");
  await run('{"id": "a", "content": "hours", "embedding": [1, 2]}\n', "ingest", "-", "--collection", "faq");
});
afterAll(async () => {
  await drop();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the command line in this process with this standard input. Returns the exit code and everything printed. */
async function run(input: string | { readonly typed: string }, ...args: readonly string[]) {
  const isTerminal = typeof input !== "string";
  const stdin = Object.assign(new PassThrough(), { isTTY: isTerminal });
  stdin.end(isTerminal ? input.typed : input);
  const restore = [replace(process, "stdin", stdin), replace(process.stderr, "isTTY", isTerminal)];
  let output = "";
  const record = (text: string | Uint8Array) => {
    output += text;
    return true;
  };
  const spies = [
    vi.spyOn(console, "log").mockImplementation(record),
    vi.spyOn(console, "error").mockImplementation(record),
    vi.spyOn(process.stderr, "write").mockImplementation(record as never),
  ];
  try {
    return { code: await main([...shared, ...args]), output };
  } finally {
    for (const spy of spies) spy.mockRestore();
    for (const undo of restore) undo();
  }
}

/** Replaces the value of a property. Returns a function that restores it. */
function replace(object: object, name: string, value: unknown): () => void {
  const original = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { value, configurable: true, writable: true });
  return () => {
    if (original) Object.defineProperty(object, name, original);
    else Reflect.deleteProperty(object, name);
  };
}

const setModel = (input: string | { readonly typed: string }, model: string) =>
  run(input, "collections", "set-model", "faq", model);

test.each(["\n", "n\n", "maybe\n", "yes please\n", ""])("the answer %j is not a confirmation", async (typed) => {
  const { code, output } = await setModel({ typed }, "local/b");
  expect(output).toMatch(/has vectors of local\/a.*\[y\/N\]/s);
  expect(output).toContain("--yes");
  expect(code).toBe(2);
});

test("without a terminal there is no question, whatever the input is", async () => {
  const { code, output } = await setModel("y\n", "local/b");
  expect([code, output.includes("[y/N]")]).toEqual([2, false]);
});

test("a confirmed change is made; an unchanged model needs no confirmation", async () => {
  expect(await setModel({ typed: "y\n" }, "local/b")).toMatchObject({
    code: 0,
    output: expect.stringMatching(/\[y\/N\].*model local\/b/s),
  });
  expect(await setModel({ typed: "YES\n" }, "local/c")).toMatchObject({ code: 0 });
  const same = await setModel({ typed: "" }, "local/c");
  expect([same.code, same.output.includes("[y/N]")]).toEqual([0, false]);
});

test("Ctrl-C at the question stops the command", async () => {
  expect(await setModel({ typed: "\u0003" }, "local/d")).toMatchObject({
    code: 130,
    output: expect.stringContaining("stopped"),
  });
});
