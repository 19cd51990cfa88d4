import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Database } from "../database/database.ts";
import { withBackPressure } from "./back-pressure.ts";
import { recordLatency } from "./latency.ts";

const WRITE_MS = 40;

/** Sends three writes at once, of which the second fails. Returns the gap before each write. */
async function writeThrice(database: Database) {
  const spans: { startedAt: number; endedAt: number }[] = [];
  const write = (fails: boolean) => async () => {
    const startedAt = performance.now();
    await wait(WRITE_MS);
    spans.push({ startedAt, endedAt: performance.now() });
    if (fails) throw new Error("refused");
  };
  const outcomes = await Promise.allSettled(
    [false, true, false].map((fails) => withBackPressure(database, "c", write(fails))),
  );
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  return spans.map(({ startedAt }, index) => startedAt - (spans[index - 1]?.endedAt ?? startedAt));
}

test("writes into a collection that is searched run one at a time, with pauses as long as the writes", async () => {
  const database = { identity: {} } as Database;
  recordLatency(database, "c", 1);
  const [, second, third] = await writeThrice(database);
  for (const gap of [second, third]) expect(gap).toBeGreaterThan(WRITE_MS - 5);
});

test("writes into a collection that nobody searches are not throttled", async () => {
  const database = { identity: {} } as Database;
  recordLatency(database, "another", 1);
  const [, second, third] = await writeThrice(database);
  for (const gap of [second, third]) expect(gap).toBeLessThan(0);
});

test("a write does not wait forever for a previous write that never ends", async () => {
  const database = { identity: {} } as Database;
  recordLatency(database, "c", 1);
  void withBackPressure(database, "c", () => new Promise(() => {}));
  const searching = setInterval(() => recordLatency(database, "c", 1), 100);
  const startedAt = performance.now();
  expect(await withBackPressure(database, "c", async () => "written")).toBe("written");
  clearInterval(searching);
  expect(performance.now() - startedAt).toBeGreaterThan(900);
});

test("a write after a pause does not wait", async () => {
  const database = { identity: {} } as Database;
  await withBackPressure(database, "c", () => wait(WRITE_MS));
  await wait(2 * WRITE_MS);
  recordLatency(database, "c", 1);
  const startedAt = performance.now();
  await withBackPressure(database, "c", async () => {});
  expect(performance.now() - startedAt).toBeLessThan(WRITE_MS);
});
