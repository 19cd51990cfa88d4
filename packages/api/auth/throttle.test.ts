import { randomBytes } from "node:crypto";
import type { Database } from "@cairn/core/database/database.ts";
import { isKeyShaped } from "@cairn/core/tenant/api-key.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { createThrottle } from "./throttle.ts";

let own: TestDatabase;
beforeAll(async () => {
  own = await createTestDatabase();
});
afterAll(() => own?.drop());

const randomKey = () => `cairn_${randomBytes(32).toString("base64url")}`;

/** The API with its looks into the database counted, asked from an address. */
async function counting(unknownKeysPerMinute: number) {
  let looks = 0;
  const database: Database = {
    ...own.database,
    transaction: (work, settings) => {
      looks++;
      return own.database.transaction(work, settings);
    },
  };
  const api = await createTestApi(database, { unknownKeysPerMinute, rememberKeys: 1 });
  const ask = (key: string, address?: string) =>
    api.app.request("/v1/keys", { headers: { Authorization: `Bearer ${key}` } }, { address });
  return { api, ask, looks: () => looks };
}

test("what cannot be a key is refused without a look into the database", async () => {
  const { ask, looks } = await counting(1_000);
  const key = randomKey();
  const before = looks();
  for (const bad of [key.slice(0, -1), `${key}a`, `${key.slice(0, -2)}!A`, "cairn_", "x".repeat(5_000)])
    expect((await ask(bad)).status, bad.slice(0, 60)).toBe(401);
  expect(looks()).toBe(before);
  for (let n = 0; n < 200; n++) expect(isKeyShaped(randomKey())).toBe(true);
});

test("a key that was refused just now is refused again without a look", async () => {
  const { ask, looks } = await counting(1_000);
  const key = randomKey();
  await ask(key);
  const before = looks();
  for (let n = 0; n < 5; n++) expect((await ask(key)).status).toBe(401);
  expect(looks()).toBe(before);
});

test("an address that tries many keys is stopped, also at once; others and keys that were good are served", async () => {
  const { api, ask, looks } = await counting(10);
  const { key } = await api.addTenant();
  expect((await ask(key, "203.0.113.7")).status).toBe(200);
  const before = looks();
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(randomKey(), "203.0.113.7")));
  const stopped = answers.filter(({ status }) => status === 429);
  expect(stopped).toHaveLength(40);
  expect(Number(stopped[0]?.headers.get("Retry-After"))).toBeGreaterThan(0);
  expect(looks() - before).toBeLessThanOrEqual(10);
  await new Promise((resolve) => setTimeout(resolve, 20)); // the good key is forgotten, and looked up again
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
])("%s and %s are counted together: %s", (one, other, together) => {
  const throttle = createThrottle(1);
  throttle.take(one);
  const second = () => throttle.take(other);
  if (together) expect(second).toThrow(/1 keys within a minute/);
  else expect(second).not.toThrow();
});

test("a good key does not count, and what is not known is not counted", () => {
  const throttle = createThrottle(1);
  for (let n = 0; n < 5; n++) {
    throttle.take("203.0.113.7");
    throttle.giveBack("203.0.113.7");
    throttle.take(undefined);
  }
});
