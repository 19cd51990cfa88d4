import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { createTestDatabase, serverUrl } from "../../../test/support/database.ts";
import { createTenant } from "../tenant/tenant.ts";
import { createFairShare } from "./fair-share.ts";
import { connectPg } from "./pg.ts";
import { asAdmin, asTenant } from "./transaction.ts";

/** Takes `count` connections for an owner; tells how many it has. */
function taker(acquire: ReturnType<typeof createFairShare>, order: string[] = []) {
  const releases: (() => void)[] = [];
  return {
    releases,
    order,
    take(owner: string, count: number, milliseconds = 60_000) {
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
])("of %i connections, told %s, a tenant that wants all gets %i", async (connections, told, expected) => {
  const { take, order } = taker(createFairShare({ connections, tenantConnections: told }));
  await take("a", 100);
  expect(order).toHaveLength(expected);
  expect(order.length).toBeLessThan(connections);
});

test("busy tenants together leave the last fifth to those who use none", async () => {
  const { take, order } = taker(createFairShare({ connections: 10 }));
  for (const owner of ["a", "b", "c"]) await take(owner, 100);
  expect(order.filter((one) => one === "a")).toHaveLength(5);
  expect(order.filter((one) => one === "b")).toHaveLength(3);
  expect(order.filter((one) => one === "c")).toHaveLength(1);
  await take("d", 1);
  expect(order.at(-1)).toBe("d");
});

test("those who wait are served in turn, the tenant with the fewest connections first", async () => {
  const { take, order, releases } = taker(createFairShare({ connections: 3 }));
  await take("a", 10);
  await take("b", 2);
  expect(order).toEqual(["a", "a", "b"]);
  for (const release of releases.slice(0, 2)) {
    release();
    await sleep(1);
  }
  expect(order.slice(-2)).toEqual(["a", "b"]); // and not the eight of a's that came before
});

test("with one connection, a tenant waits for one statement of another's and not for all of them", async () => {
  const { take, order, releases } = taker(createFairShare({ connections: 1 }));
  await take("a", 50);
  await take("b", 1);
  for (let n = 0; n < 2; n++) {
    releases.at(-1)?.();
    await sleep(1);
  }
  expect(order).toContain("b");
});

test("whose turn does not come in time is refused, and says whose fault it is", async () => {
  const acquire = createFairShare({ connections: 10 });
  for (let n = 0; n < 5; n++) await acquire("a", 1_000);
  await expect(acquire("a", 20)).rejects.toMatchObject({ code: "tenant_busy", retryAfter: 2 });
  const release = await acquire("b", 20);
  release();
  const one = createFairShare({ connections: 1 });
  await one("a", 20);
  await expect(one("b", 20)).rejects.toMatchObject({ code: "database_unavailable" });
});

test("what has waited in vain takes no turn of a later one", async () => {
  const acquire = createFairShare({ connections: 1 });
  const release = await acquire("a", 20);
  await expect(acquire("a", 5)).rejects.toThrow();
  const next = acquire("a", 1_000);
  release();
  (await next)();
  (await acquire("b", 5))();
});

test.runIf(serverUrl())(
  "on a server, slow statements of one tenant, and of the operator, leave another tenant served",
  async () => {
    const own = await createTestDatabase();
    const database = connectPg({ url: own.url as string, connections: 6 });
    try {
      const [a, b] = [await createTenant(own.database), await createTenant(own.database)];
      const slow = (id: string) => asTenant(database, id, ({ orm }) => orm.execute(sql`SELECT pg_sleep(3)`));
      const began = performance.now();
      const working = [
        ...Array.from({ length: 15 }, () => slow(a.id).catch(() => {})),
        ...Array.from({ length: 15 }, () =>
          asAdmin(database, ({ orm }) => orm.execute(sql`SELECT pg_sleep(3)`)).catch(() => {}),
        ),
      ];
      for (let n = 0; n < 5; n++) await asTenant(database, b.id, ({ orm }) => orm.execute(sql`SELECT 1`));
      expect(performance.now() - began).toBeLessThan(3_000); // none of the others has ended
      await Promise.all(working);
    } finally {
      await database.close();
      await own.drop();
    }
  },
  60_000,
);
