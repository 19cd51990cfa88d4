import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { main } from "@cairn/cli/main.ts";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createEmptyDatabase, serverUrl } from "./support/database.ts";

// What a person at a terminal is asked before another model is named for vectors that are there.

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

/** Runs the command line in this process: its standard input, and what it prints and asks. */
async function run(input: string | { readonly typed: string }, ...args: readonly string[]) {
  const isTerminal = typeof input !== "string";
  const stdin = Object.assign(new PassThrough(), { isTTY: isTerminal });
  stdin.end(isTerminal ? input.typed : input);
  const restore = [replace(process, "stdin", stdin), replace(process.stderr, "isTTY", isTerminal)];
  let said = "";
  const note = (text: string | Uint8Array) => {
    said += text;
    return true;
  };
  const spies = [
    vi.spyOn(console, "log").mockImplementation(note),
    vi.spyOn(console, "error").mockImplementation(note),
    vi.spyOn(process.stderr, "write").mockImplementation(note as never),
  ];
  try {
    return { code: await main([...shared, ...args]), said };
  } finally {
    for (const spy of spies) spy.mockRestore();
    for (const undo of restore) undo();
  }
}

/** Gives a property another value; what it returns takes that back. */
function replace(object: object, name: string, value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { value, configurable: true, writable: true });
  return () => {
    if (own) Object.defineProperty(object, name, own);
    else Reflect.deleteProperty(object, name);
  };
}

const setModel = (input: string | { readonly typed: string }, model: string) =>
  run(input, "collections", "set-model", "faq", model);

test.each(["\n", "n\n", "maybe\n", "yes please\n", ""])(
  "who answers %j is not taken to confirm",
  async (typed) => {
    const { code, said } = await setModel({ typed }, "local/b");
    expect(said).toMatch(/has vectors, of local\/a so far.*\[y\/N\]/s);
    expect(said).toContain("--yes");
    expect(code).toBe(2);
  },
);

test("without a terminal nobody is asked, whatever comes", async () => {
  const { code, said } = await setModel("y\n", "local/b");
  expect([code, said.includes("[y/N]")]).toEqual([2, false]);
});

test("who confirms has it done, and is not asked where there is nothing to confirm", async () => {
  expect(await setModel({ typed: "y\n" }, "local/b")).toMatchObject({
    code: 0,
    said: expect.stringMatching(/\[y\/N\].*model local\/b/s),
  });
  expect(await setModel({ typed: "YES\n" }, "local/c")).toMatchObject({ code: 0 });
  const same = await setModel({ typed: "" }, "local/c");
  expect([same.code, same.said.includes("[y/N]")]).toEqual([0, false]);
});

test("Ctrl-C at the question stops the command", async () => {
  expect(await setModel({ typed: "\u0003" }, "local/d")).toMatchObject({
    code: 130,
    said: expect.stringContaining("stopped"),
  });
});
