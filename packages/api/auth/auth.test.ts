import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Database } from "@cairn/core/database/database.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { changeTenant } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { createTestApi, type TestApi, useTestApi } from "../../../test/support/api.ts";
import { useResource, useTestDatabase } from "../../../test/support/fixture.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => ({ credentialCacheMs: 300 }));
const tenant = useResource(() => api.addTenant("acme"));

const status = async (key: string) => (await api.call("GET", "/v1/collections", { key })).status;
const createKey = async (body: object) => (await api.call("POST", "/v1/keys", { key: tenant.key, body })).body;

test("a key is shown once: it has 256 random bits and a prefix, and the database stores only its SHA-256", async () => {
  const { key, secret } = await createKey({ name: "shop", scopes: ["read"] });
  expect(secret).toMatch(/^cairn_[\w-]{43}$/);
  expect(Buffer.from(secret.slice(6), "base64url")).toHaveLength(32);
  const rows = await asAdmin(testDatabase.database, ({ orm }) =>
    selectRows<{ all: string; hash: string }>(
      orm,
      sql`SELECT k::text AS all, encode(secret_hash, 'hex') AS hash FROM cairn.api_keys AS k WHERE id = ${key.id}::uuid`,
    ),
  );
  expect(rows[0]?.hash).toBe(createHash("sha256").update(secret).digest("hex"));
  expect(rows[0]?.all).not.toContain(secret.slice(6, 40));
  const { text } = await api.call("GET", "/v1/keys", { key: tenant.key });
  expect(text).not.toContain(secret.slice(6, 40));
  expect(text).toContain("shop");
});

test("a revoked key is refused after the cache time and cannot be rotated", async () => {
  const { key, secret } = await createKey({});
  expect(await status(secret)).toBe(200);
  expect((await api.call("DELETE", `/v1/keys/${key.id}`, { key: tenant.key })).body.revoked_at).not.toBeNull();
  await vi.waitFor(async () => expect(await status(secret)).toBe(401), { timeout: 2_000, interval: 50 });
  expect((await api.call("POST", `/v1/keys/${key.id}/rotate`, { key: tenant.key, body: {} })).status).toBe(400);
});

test("a key is cached for at most 60 seconds, regardless of the configuration", async () => {
  const long = await createTestApi(testDatabase.database, { credentialCacheMs: 600_000 });
  const { key, secret } = await createKey({});
  const ask = async () => (await long.call("GET", "/v1/collections", { key: secret })).status;
  const [date, monotonic] = [Date.now, performance.now.bind(performance)];
  let offset = 0;
  vi.spyOn(Date, "now").mockImplementation(() => date() + offset);
  vi.spyOn(performance, "now").mockImplementation(() => monotonic() + offset);
  onTestFinished(() => void vi.restoreAllMocks());
  expect(await ask()).toBe(200);
  await api.call("DELETE", `/v1/keys/${key.id}`, { key: tenant.key });
  for (const [seconds, status] of [
    [0, 200],
    [55, 200],
    [60, 401],
  ] as const) {
    offset = seconds * 1_000;
    await new Promise((resolve) => setTimeout(resolve, 10)); // the cache reads the time once a millisecond
    expect(await ask(), `after ${seconds} s`).toBe(status);
  }
});

test("an expired key is refused immediately, even if it is cached", async () => {
  const { secret } = await createKey({ expires_at: new Date(Date.now() + 3_000).toISOString() });
  expect(await status(secret)).toBe(200);
  await new Promise((resolve) => setTimeout(resolve, 3_050));
  expect(await status(secret)).toBe(401);
  const past = await api.call("POST", "/v1/keys", {
    key: tenant.key,
    body: { expires_at: "2020-01-01T00:00:00Z" },
  });
  expect(past).toMatchObject({ status: 400, body: { path: "expires_at" } });
});

test("a rotated key remains valid for its grace period, and the new one has its name and scopes", async () => {
  const { key, secret } = await createKey({ name: "rotated", scopes: ["read"] });
  const rotated = await api.call("POST", `/v1/keys/${key.id}/rotate`, {
    key: tenant.key,
    body: { grace_seconds: 1 },
  });
  expect(rotated.body.key).toMatchObject({ name: "rotated", scopes: ["read"] });
  expect(await status(rotated.body.secret)).toBe(200);
  expect(await status(secret)).toBe(200);
  await vi.waitFor(async () => expect(await status(secret)).toBe(401), { timeout: 4_000, interval: 100 });
  expect(await status(rotated.body.secret)).toBe(200);
});

test("keys of a disabled tenant are refused, and work again after it is enabled", async () => {
  const other = await api.addTenant("disabled");
  expect(await status(other.key)).toBe(200);
  await api.call("PATCH", `/v1/tenants/${other.id}`, { key: api.operator, body: { disabled: true } });
  await vi.waitFor(async () => expect(await status(other.key)).toBe(401), { timeout: 2_000, interval: 50 });
  await changeTenant(testDatabase.database, other.id, { disabled: false });
  await vi.waitFor(async () => expect(await status(other.key)).toBe(200), { timeout: 5_000, interval: 200 });
});

test("a cached key costs no round trip: a query by vector makes one database read", async () => {
  await api.call("POST", "/v1/documents", {
    key: tenant.key,
    body: { documents: [{ id: "v", content: "x", embedding: Array.from({ length: 1536 }, (_, n) => n) }] },
  });
  let reads = 0;
  let transactions = 0;
  const { database } = api.services;
  const countingDatabase = {
    ...database,
    read: (...args: Parameters<typeof database.read>) => {
      reads++;
      return database.read(...args);
    },
    transaction: ((...args: Parameters<typeof database.transaction>) => {
      transactions++;
      return database.transaction(...args);
    }) as typeof database.transaction,
  };
  const countingApi = await createTestApi(countingDatabase);
  const body = { query_embedding: Array.from({ length: 1536 }, (_, n) => n + 1), top_k: 3 };
  const ask = () => countingApi.call("POST", "/v1/query", { key: tenant.key, body });
  expect((await ask()).body.hits).toHaveLength(1);
  await new Promise((resolve) => setTimeout(resolve, 500)); // the update of the key's last use
  reads = transactions = 0;
  for (let turn = 0; turn < 5; turn++) expect((await ask()).status).toBe(200);
  expect({ reads, transactions }).toEqual({ reads: 5, transactions: 0 });
});

describe("tokens of an issuer", () => {
  const issuer = "https://login.example.com/";
  const audience = "cairn";
  let jwks: ReturnType<typeof createServer>;
  let pair: Awaited<ReturnType<typeof generateKeyPair>>;
  let withTokens: TestApi;
  let broken = false;
  beforeAll(async () => {
    pair = await generateKeyPair("ES256", { extractable: true });
    const key = { ...(await exportJWK(pair.publicKey)), kid: "one", alg: "ES256", use: "sig" };
    jwks = createServer((_, response) => {
      if (broken) response.writeHead(500).end();
      else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys: [key] }));
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => jwks.once("listening", resolve));
    withTokens = await createTestApi(testDatabase.database, { jwt: jwt() });
  });
  afterAll(() => jwks?.close());

  const jwt = (path = "jwks.json") => ({
    jwksUrl: `http://127.0.0.1:${(jwks.address() as AddressInfo).port}/${path}`,
    issuer,
    audience,
    tenantClaim: "org",
  });

  async function token(
    changes: Record<string, unknown> = {},
    { key = pair.privateKey, exp = "5m", alg = "ES256" } = {},
  ) {
    const claims = {
      org: tenant.id,
      scope: "openid cairn:read",
      sub: "u1",
      iss: issuer,
      aud: audience,
      ...changes,
    };
    return new SignJWT(claims).setProtectedHeader({ alg, kid: "one" }).setIssuedAt().setExpirationTime(exp).sign(key);
  }
  const ask = (key: string, method = "GET", body?: object) => withTokens.call(method, "/v1/collections", { key, body });

  test("with a valid signature and audience authenticate their tenant with their scopes", async () => {
    const good = await token();
    const response = await ask(good);
    expect(response.status).toBe(200);
    expect(response.text).toContain(tenant.id === "" ? "never" : "collections");
    expect((await ask(good, "POST", { name: "new" })).status).toBe(403);
    expect((await ask(await token({ scope: "read write" }), "POST", { name: "by-token" })).status).toBe(201);
    expect((await api.call("GET", "/v1/collections/by-token", { key: tenant.key })).status).toBe(200);
    expect((await api.call("GET", "/v1/collections", { key: good })).status).toBe(401); // no issuer is configured there
  });

  test("with a wrong issuer, audience, tenant, key or expiry are refused", async () => {
    const otherPair = await generateKeyPair("ES256");
    const shared = new TextEncoder().encode("a secret that is long enough for HS256");
    const bad = {
      issuer: await token({ iss: "https://evil.example.com/" }),
      audience: await token({ aud: "other" }),
      "no tenant": await token({ org: undefined }),
      "tenant by name": await token({ org: "acme" }),
      "missing tenant": await token({ org: "00000000-1111-4222-8333-444444444444" }),
      "tenant that is no text": await token({ org: [tenant.id] }),
      key: await token({}, { key: otherPair.privateKey }),
      expired: await token({}, { exp: "-1m" }),
      "shared secret": await token({}, { key: shared as never, alg: "HS256" }),
      unsigned: `${Buffer.from('{"alg":"none"}').toString("base64url")}.${(await token()).split(".")[1]}.`,
    };
    for (const [reason, badToken] of Object.entries(bad)) expect((await ask(badToken)).status, reason).toBe(401);
  });

  test("have their tenant looked up within the remaining time of the request", async () => {
    let slow = false;
    let limit: unknown;
    const database: Database = {
      ...testDatabase.database,
      async transaction(work, settings) {
        if (slow) {
          limit = settings?.statement_timeout;
          await new Promise((resolve) => setTimeout(resolve, 3_000));
        }
        return testDatabase.database.transaction(work, settings);
      },
    };
    const limited = await createTestApi(database, { jwt: jwt(), deadline: 1_000 });
    slow = true;
    const started = performance.now();
    const timedOut = await limited.call("GET", "/v1/collections", { key: await token() });
    expect(timedOut).toMatchObject({ status: 504, body: { code: "deadline_exceeded" } });
    expect(performance.now() - started).toBeLessThan(2_800);
    expect(limit).toBeLessThanOrEqual(1_000);
  });

  test("are answered 503 if the keys of the issuer cannot be read", async () => {
    broken = true;
    const fresh = await createTestApi(testDatabase.database, { jwt: jwt("x") });
    expect((await fresh.call("GET", "/v1/collections", { key: await token() })).status).toBe(503);
    broken = false;
  });
});
