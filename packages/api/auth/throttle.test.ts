import { randomBytes } from "node:crypto";
import type { Database } from "@cairn/core/database/database.ts";
import { keyKind } from "@cairn/core/tenant/secret.ts";
import { expect, test } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { createThrottle } from "./throttle.ts";

const testDatabase = useTestDatabase();

const randomKey = () => `cairn_${randomBytes(32).toString("base64url")}`;

/** Creates an API that counts its database lookups, and a function that requests it from an address. */
async function createCountingApi(unknownKeysPerMinute: number) {
  let lookups = 0;
  const database: Database = {
    ...testDatabase.database,
    transaction: (work, settings) => {
      lookups++;
      return testDatabase.database.transaction(work, settings);
    },
  };
  const api = await createTestApi(database, { unknownKeysPerMinute, credentialCacheMs: 1 });
  const ask = (key: string, address?: string) =>
    api.app.request("/v1/keys", { headers: { Authorization: `Bearer ${key}` } }, { address });
  return { api, ask, lookups: () => lookups };
}

test("a malformed key is refused without a database lookup", async () => {
  const { ask, lookups } = await createCountingApi(1_000);
  const key = randomKey();
  const before = lookups();
  for (const bad of [key.slice(0, -1), `${key}a`, `${key.slice(0, -2)}!A`, "cairn_", "x".repeat(5_000)])
    expect((await ask(bad)).status, bad.slice(0, 60)).toBe(401);
  expect(lookups()).toBe(before);
  for (let n = 0; n < 200; n++) expect(keyKind(randomKey())).toBe("plain");
});

test("a key that was just refused is refused again without a lookup", async () => {
  const { ask, lookups } = await createCountingApi(1_000);
  const key = randomKey();
  await ask(key);
  const before = lookups();
  for (let n = 0; n < 5; n++) expect((await ask(key)).status).toBe(401);
  expect(lookups()).toBe(before);
});

test("an address that tries many keys is throttled; other addresses and previously valid keys are served", async () => {
  const { api, ask, lookups } = await createCountingApi(10);
  const { key } = await api.addTenant();
  expect((await ask(key, "203.0.113.7")).status).toBe(200);
  const before = lookups();
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(randomKey(), "203.0.113.7")));
  const stopped = answers.filter(({ status }) => status === 429);
  expect(stopped).toHaveLength(40);
  expect(Number(stopped[0]?.headers.get("Retry-After"))).toBeGreaterThan(0);
  expect(lookups() - before).toBeLessThanOrEqual(10);
  await new Promise((resolve) => setTimeout(resolve, 20)); // the cached key expires and is looked up again
  expect((await ask(key, "203.0.113.7")).status).toBe(200);
  expect((await ask(randomKey(), "203.0.113.8")).status).toBe(401);
  const other = await api.addTenant();
  expect((await ask(other.key, "203.0.113.8")).status).toBe(200);
});

test.each([
  ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true],
  ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
  ["2001:0db8:0001:0002::1", "2001:db8:1:2::1", true],
  ["::ffff:203.0.113.7", "203.0.113.7", true],
  ["203.0.113.7", "203.0.113.8", false],
])("%s and %s share one count: %s", (first, other, isShared) => {
  const throttle = createThrottle(1);
  throttle.take(first);
  const second = () => throttle.take(other);
  if (isShared) expect(second).toThrow(/1 invalid keys within a minute/);
  else expect(second).not.toThrow();
});

test("valid keys and unknown addresses are not counted", () => {
  const throttle = createThrottle(1);
  for (let n = 0; n < 5; n++) {
    throttle.take("203.0.113.7");
    throttle.giveBack("203.0.113.7");
    throttle.take(undefined);
  }
});
