import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Database } from "../database/database.ts";
import { withBackPressure } from "./back-pressure.ts";
import { recordLatency } from "./latency.ts";

const WRITE = 40;

/** Three writes at once, of which the second fails; when each began and ended. */
async function writeThrice(database: Database) {
  const spans: { began: number; ended: number }[] = [];
  const write = (fails: boolean) => async () => {
    const began = performance.now();
    await wait(WRITE);
    spans.push({ began, ended: performance.now() });
    if (fails) throw new Error("refused");
  };
  const written = await Promise.allSettled(
    [false, true, false].map((fails) => withBackPressure(database, "c", write(fails))),
  );
  expect(written.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  return spans.map(({ began }, at) => began - (spans[at - 1]?.ended ?? began));
}

test("a collection that is searched is written one batch at a time, with as long between them as each took", async () => {
  const database = { identity: {} } as Database;
  recordLatency(database, "c", 1);
  const [, second, third] = await writeThrice(database);
  for (const gap of [second, third]) expect(gap).toBeGreaterThan(WRITE - 5);
});

test("one that nobody searches is written as fast as it can be", async () => {
  const database = { identity: {} } as Database;
  recordLatency(database, "another", 1);
  const [, second, third] = await writeThrice(database);
  for (const gap of [second, third]) expect(gap).toBeLessThan(0);
});

test("no write waits for ever for one that does not end", async () => {
  const database = { identity: {} } as Database;
  recordLatency(database, "c", 1);
  void withBackPressure(database, "c", () => new Promise(() => {}));
  const searching = setInterval(() => recordLatency(database, "c", 1), 100);
  const began = performance.now();
  expect(await withBackPressure(database, "c", async () => "written")).toBe("written");
  clearInterval(searching);
  expect(performance.now() - began).toBeGreaterThan(900);
});

test("a write after a pause does not wait", async () => {
  const database = { identity: {} } as Database;
  await withBackPressure(database, "c", () => wait(WRITE));
  await wait(2 * WRITE);
  recordLatency(database, "c", 1);
  const began = performance.now();
  await withBackPressure(database, "c", async () => {});
  expect(performance.now() - began).toBeLessThan(WRITE);
});
