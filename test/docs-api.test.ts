import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import { serve } from "@hono/node-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestApi } from "./support/api.ts";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";

// Every example of the guide, run as it stands; what it prints must be what the guide says.

let own: TestDatabase;
let server: ReturnType<typeof serve>;
let environment: NodeJS.ProcessEnv;
let close: () => Promise<void>;
beforeAll(async () => {
  own = await createTestDatabase();
  const api = await createTestApi(own.database);
  server = serve({ fetch: api.app.fetch, hostname: "127.0.0.1", port: 0 });
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const { key } = await api.addTenant("guide");
  environment = { ...process.env, CAIRN_URL: `http://127.0.0.1:${port}`, CAIRN_KEY: key, TMPDIR: tmpdir() };
  close = async () => {
    await new Promise((resolve) => server.close(resolve));
    await api.queue.close();
  };
});
afterAll(async () => {
  await close?.();
  await own?.drop();
});

/** As the guide shows it: texts as they are but for …, numbers of any value. */
function expected(shown: unknown): unknown {
  if (typeof shown === "string") return shown === "…" ? expect.any(String) : shown;
  if (typeof shown === "number") return expect.any(Number);
  if (Array.isArray(shown)) return shown.map(expected);
  if (shown === null || typeof shown !== "object") return shown;
  return Object.fromEntries(Object.entries(shown).map(([key, value]) => [key, expected(value)]));
}

test("the examples of docs/api.md print what it says", async () => {
  const guide = await readFile(new URL("../docs/api.md", import.meta.url), "utf8");
  const examples = [...guide.matchAll(/```sh\n([\s\S]*?)```\n```json\n([\s\S]*?)```/g)];
  expect(examples.length).toBe(guide.match(/```sh/g)?.length);
  expect(examples.length).toBeGreaterThanOrEqual(6);
  for (const [, script, shown] of examples) {
    const { stdout } = await promisify(execFile)("bash", ["-euc", script as string], { env: environment });
    expect(JSON.parse(stdout), script).toEqual(expected(JSON.parse(shown as string)));
  }
});
