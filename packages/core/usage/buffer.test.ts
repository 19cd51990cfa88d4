import type { Database } from "@cairn/core/database/database.ts";
import { expect, test } from "vitest";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { createTenant, deleteTenant } from "../tenant/tenant.ts";
import { createUsageBuffer } from "./buffer.ts";
import { readUsage } from "./read.ts";

const own = useTestDatabase();

async function addTenant(): Promise<string> {
  return (await createTenant(own.database, {})).id;
}

/** The stored counts of a tenant, `kind model` to count. */
async function stored(tenantId: string) {
  const { rows } = await readUsage(own.database, tenantId);
  return Object.fromEntries(rows.map(({ kind, model, n }) => [`${kind} ${model}`.trim(), n]));
}

/** The database, whose transactions are counted and fail while `fails` is set. */
function observe(database: Database) {
  const state = { transactions: 0, fails: false };
  const observed: Database = {
    ...database,
    transaction(work, settings) {
      state.transactions++;
      if (state.fails) throw new Error("no database");
      return database.transaction(work, settings);
    },
  };
  return { state, database: observed };
}

const manual = { hasTimer: false };

test("counts of concurrent processes and of several flushes add up, by kind and model", async () => {
  const tenantId = await addTenant();
  const processes = Array.from({ length: 4 }, () => createUsageBuffer(own.database, manual));
  for (let round = 0; round < 3; round++) {
    for (const { count } of processes) {
      count({ tenantId, kind: "requests", n: 1 });
      count({ tenantId, kind: "requests", n: 2 });
      count({ tenantId, kind: "embedding_tokens", model: "openai/a", n: 10 });
      count({ tenantId, kind: "embedding_tokens", model: "openai/b", n: 1 });
    }
    await Promise.all(processes.map((process) => process.flush()));
  }
  expect(await stored(tenantId)).toEqual({
    requests: 36,
    "embedding_tokens openai/a": 120,
    "embedding_tokens openai/b": 12,
  });
});

test("counting sends nothing, and a flush sends one transaction for all tenants", async () => {
  const { state, database } = observe(own.database);
  const buffer = createUsageBuffer(database, manual);
  const tenants = [await addTenant(), await addTenant()];
  for (const tenantId of tenants) for (let n = 0; n < 500; n++) buffer.count({ tenantId, kind: "searches", n: 1 });
  expect(state.transactions).toBe(0);
  await buffer.flush();
  await buffer.flush(); // nothing is left
  expect(state.transactions).toBe(1);
  for (const tenantId of tenants) expect(await stored(tenantId)).toEqual({ searches: 500 });
});

test("counts that cannot be written are kept, and counted once", async () => {
  const { state, database } = observe(own.database);
  const buffer = createUsageBuffer(database, manual);
  const tenantId = await addTenant();
  buffer.count({ tenantId, kind: "requests", n: 3 });
  state.fails = true;
  await expect(buffer.flush()).rejects.toThrow("no database");
  buffer.count({ tenantId, kind: "requests", n: 4 });
  state.fails = false;
  await buffer.flush();
  expect(await stored(tenantId)).toEqual({ requests: 7 });
});

test("memory is bounded while the database does not answer: known counts go on, further ones are dropped", async () => {
  const buffer = createUsageBuffer(own.database, { ...manual, maxCounts: 1 });
  const [known, other] = [await addTenant(), await addTenant()];
  for (const tenantId of [known, other, known]) buffer.count({ tenantId, kind: "requests", n: 1 });
  await buffer.flush();
  expect([await stored(known), await stored(other)]).toEqual([{ requests: 2 }, {}]);
});

test("the counts of a deleted tenant are left out, and those of the others are written", async () => {
  const buffer = createUsageBuffer(own.database, manual);
  const [deleted, kept] = [await addTenant(), await addTenant()];
  for (const tenantId of [deleted, kept]) buffer.count({ tenantId, kind: "requests", n: 1 });
  await deleteTenant(own.database, deleted);
  await buffer.flush();
  expect(await stored(kept)).toEqual({ requests: 1 });
});

test("the timer writes within the interval, and again after a failure; close writes the rest", async () => {
  const { state, database } = observe(own.database);
  const failures: unknown[] = [];
  const buffer = createUsageBuffer(database, { intervalMs: 20, onError: (error) => failures.push(error) });
  const tenantId = await addTenant();
  state.fails = true;
  buffer.count({ tenantId, kind: "requests", n: 1 });
  await expect.poll(() => failures.length).toBeGreaterThan(0);
  state.fails = false;
  await expect.poll(() => stored(tenantId)).toEqual({ requests: 1 });
  buffer.count({ tenantId, kind: "requests", n: 1 });
  await buffer.close();
  expect(await stored(tenantId)).toEqual({ requests: 2 });
});

test("a process without a timer writes after the first request, then at most once an interval", async () => {
  const { state, database } = observe(own.database);
  const buffer = createUsageBuffer(database, { ...manual, intervalMs: 3_600_000 });
  const tenantId = await addTenant();
  for (let request = 0; request < 3; request++) {
    buffer.count({ tenantId, kind: "requests", n: 1 });
    await buffer.flushIfDue();
  }
  expect(state.transactions).toBe(1);
  expect(await stored(tenantId)).toEqual({ requests: 1 });
});

test("a range that is empty, too long or no range is refused with its path", async () => {
  const read = (options: object) => readUsage(own.database, null, options);
  await expect(read({ from: "2026-02-30" })).rejects.toMatchObject({ code: "invalid_input", path: "from" });
  await expect(read({ to: "yesterday" })).rejects.toMatchObject({ code: "invalid_input", path: "to" });
  await expect(read({ from: "2026-02-02", to: "2026-02-01" })).rejects.toMatchObject({ path: "from" });
  await expect(read({ from: "2025-01-01", to: "2026-02-05" })).rejects.toMatchObject({ path: "from" });
  expect(await read({ from: "2025-01-01", to: "2026-02-04" })).toMatchObject({ from: "2025-01-01", rows: [] });
});
