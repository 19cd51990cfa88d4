import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { createTestDatabase, serverUrl } from "../../../test/support/database.ts";
import { createTenant } from "../tenant/tenant.ts";
import { createFairShare, withFairShare } from "./fair-share.ts";
import { connectPg } from "./pg.ts";
import { asAdmin, asTenant } from "./transaction.ts";

/** Acquires connections and records the order of the owners that got one. */
function recorder(acquire: ReturnType<typeof createFairShare>, order: string[] = []) {
  const releases: (() => void)[] = [];
  return {
    releases,
    order,
    acquireMany(owner: string, count: number, milliseconds = 60_000) {
      for (let n = 0; n < count; n++)
        void acquire(owner, milliseconds).then((release) => {
          order.push(owner);
          releases.push(release);
        });
      return sleep(1);
    },
  };
}

test.each([
  [10, undefined, 5],
  [10, 8, 8],
  [10, 50, 8],
  [4, undefined, 2],
  [3, 3, 2],
])(
  "of %i connections, with a tenant limit of %s, one tenant gets at most %i",
  async (connections, tenantConnections, expected) => {
    const { acquireMany, order } = recorder(createFairShare({ connections, tenantConnections }));
    await acquireMany("a", 100);
    expect(order).toHaveLength(expected);
    expect(order.length).toBeLessThan(connections);
  },
);

test("busy tenants leave the last fifth of the pool to tenants that use none", async () => {
  const { acquireMany, order } = recorder(createFairShare({ connections: 10 }));
  for (const owner of ["a", "b", "c"]) await acquireMany(owner, 100);
  expect(order.filter((owner) => owner === "a")).toHaveLength(5);
  expect(order.filter((owner) => owner === "b")).toHaveLength(3);
  expect(order.filter((owner) => owner === "c")).toHaveLength(1);
  await acquireMany("d", 1);
  expect(order.at(-1)).toBe("d");
});

test("the waiting tenant with the fewest connections is served first", async () => {
  const { acquireMany, order, releases } = recorder(createFairShare({ connections: 3 }));
  await acquireMany("a", 10);
  await acquireMany("b", 2);
  expect(order).toEqual(["a", "a", "b"]);
  for (const release of releases.slice(0, 2)) {
    release();
    await sleep(1);
  }
  expect(order.slice(-2)).toEqual(["a", "b"]); // although eight statements of a were waiting before b's
});

test("with one connection, a tenant waits for one statement of another tenant, not for all of them", async () => {
  const { acquireMany, order, releases } = recorder(createFairShare({ connections: 1 }));
  await acquireMany("a", 50);
  await acquireMany("b", 1);
  for (let n = 0; n < 2; n++) {
    releases.at(-1)?.();
    await sleep(1);
  }
  expect(order).toContain("b");
});

test("a timeout is tenant_busy if the tenant is at its limit, and database_unavailable if the pool is exhausted", async () => {
  const acquire = createFairShare({ connections: 10 });
  for (let n = 0; n < 5; n++) await acquire("a", 1_000);
  await expect(acquire("a", 20)).rejects.toMatchObject({ code: "tenant_busy", retryAfter: 2 });
  const release = await acquire("b", 20);
  release();
  const acquireOnly = createFairShare({ connections: 1 });
  await acquireOnly("a", 20);
  await expect(acquireOnly("b", 20)).rejects.toMatchObject({ code: "database_unavailable" });
});

test("a waiter that timed out does not use a connection that becomes free later", async () => {
  const acquire = createFairShare({ connections: 1 });
  const release = await acquire("a", 20);
  await expect(acquire("a", 5)).rejects.toThrow();
  const next = acquire("a", 1_000);
  release();
  (await next)();
  (await acquire("b", 5))();
});

test.runIf(serverUrl())(
  "on a server, slow statements of one tenant and of the operator do not delay another tenant",
  async () => {
    const own = await createTestDatabase();
    const database = connectPg({ url: own.url as string, connections: 6 });
    try {
      const [a, b] = [await createTenant(own.database), await createTenant(own.database)];
      const slow = (id: string) => asTenant(database, id, ({ orm }) => orm.execute(sql`SELECT pg_sleep(3)`));
      const startedAt = performance.now();
      const working = [
        ...Array.from({ length: 15 }, () => slow(a.id).catch(() => {})),
        ...Array.from({ length: 15 }, () =>
          asAdmin(database, ({ orm }) => orm.execute(sql`SELECT pg_sleep(3)`)).catch(() => {}),
        ),
      ];
      for (let n = 0; n < 5; n++) await asTenant(database, b.id, ({ orm }) => orm.execute(sql`SELECT 1`));
      expect(performance.now() - startedAt).toBeLessThan(3_000); // none of the others has ended
      await Promise.all(working);
    } finally {
      await database.close();
      await own.drop();
    }
  },
  60_000,
);

test("a statement timeout of 0 is no limit", async () => {
  const { database, drop } = await createTestDatabase();
  try {
    const { read, transaction } = withFairShare(database, { connections: 3 });
    const shown = sql`SELECT current_setting('statement_timeout') AS value`;
    const settings = { statement_timeout: 0 };
    expect(await read([shown], { settings })).toEqual([[{ value: "0" }]]);
    expect(await transaction(({ orm }) => orm.selectRows(shown), settings)).toEqual([{ value: "0" }]);
  } finally {
    await drop();
  }
});
