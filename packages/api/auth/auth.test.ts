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
import { createTestApi, type TestApi } from "../../../test/support/api.ts";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";

let own: TestDatabase;
let api: TestApi;
let tenant: { readonly id: string; readonly key: string };
beforeAll(async () => {
  own = await createTestDatabase();
  api = await createTestApi(own.database, { rememberKeys: 300 });
  tenant = await api.addTenant("acme");
});
afterAll(() => own?.drop());

const status = async (key: string) => (await api.call("GET", "/v1/collections", { key })).status;
const make = async (body: object) => (await api.call("POST", "/v1/keys", { key: tenant.key, body })).body;

test("a key is shown once: the database holds its SHA-256, 256 random bits behind a prefix", async () => {
  const { key, secret } = await make({ name: "shop", scopes: ["read"] });
  expect(secret).toMatch(/^cairn_[\w-]{43}$/);
  expect(Buffer.from(secret.slice(6), "base64url")).toHaveLength(32);
  const rows = await asAdmin(own.database, ({ orm }) =>
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

test("a revoked key is refused within the time that keys are remembered for, and no longer asked for", async () => {
  const { key, secret } = await make({});
  expect(await status(secret)).toBe(200);
  expect(
    (await api.call("DELETE", `/v1/keys/${key.id}`, { key: tenant.key })).body.revoked_at,
  ).not.toBeNull();
  await vi.waitFor(async () => expect(await status(secret)).toBe(401), { timeout: 2_000, interval: 50 });
  expect((await api.call("POST", `/v1/keys/${key.id}/rotate`, { key: tenant.key, body: {} })).status).toBe(
    400,
  );
});

test("a key is remembered for 60 seconds at most, whatever is configured", async () => {
  const long = await createTestApi(own.database, { rememberKeys: 600_000 });
  const { key, secret } = await make({});
  const ask = async () => (await long.call("GET", "/v1/collections", { key: secret })).status;
  const [date, monotonic] = [Date.now, performance.now.bind(performance)];
  let ahead = 0;
  vi.spyOn(Date, "now").mockImplementation(() => date() + ahead);
  vi.spyOn(performance, "now").mockImplementation(() => monotonic() + ahead);
  onTestFinished(() => void vi.restoreAllMocks());
  expect(await ask()).toBe(200);
  await api.call("DELETE", `/v1/keys/${key.id}`, { key: tenant.key });
  for (const [seconds, status] of [
    [0, 200],
    [55, 200],
    [60, 401],
  ] as const) {
    ahead = seconds * 1_000;
    await new Promise((resolve) => setTimeout(resolve, 10)); // the time is looked at once a millisecond
    expect(await ask(), `after ${seconds} s`).toBe(status);
  }
});

test("an expired key is refused at once, remembered or not", async () => {
  const { secret } = await make({ expires_at: new Date(Date.now() + 3_000).toISOString() });
  expect(await status(secret)).toBe(200);
  await new Promise((resolve) => setTimeout(resolve, 3_050));
  expect(await status(secret)).toBe(401);
  const past = await api.call("POST", "/v1/keys", {
    key: tenant.key,
    body: { expires_at: "2020-01-01T00:00:00Z" },
  });
  expect(past).toMatchObject({ status: 400, body: { path: "expires_at" } });
});

test("a rotated key works for its grace, the new one has its name and scopes", async () => {
  const { key, secret } = await make({ name: "rotated", scopes: ["read"] });
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

test("the keys of a disabled tenant are refused, and work again when it is enabled", async () => {
  const other = await api.addTenant("disabled");
  expect(await status(other.key)).toBe(200);
  await api.call("PATCH", `/v1/tenants/${other.id}`, { key: api.operator, body: { disabled: true } });
  await vi.waitFor(async () => expect(await status(other.key)).toBe(401), { timeout: 2_000, interval: 50 });
  await changeTenant(own.database, other.id, { disabled: false });
  await vi.waitFor(async () => expect(await status(other.key)).toBe(200), { timeout: 5_000, interval: 200 });
});

test("a known key costs no round trip: a query by vector asks the database once", async () => {
  await api.call("POST", "/v1/documents", {
    key: tenant.key,
    body: { documents: [{ id: "v", content: "x", embedding: Array.from({ length: 1536 }, (_, n) => n) }] },
  });
  let reads = 0;
  let transactions = 0;
  const { database } = api.services;
  const counting = {
    ...database,
    read: (...given: Parameters<typeof database.read>) => {
      reads++;
      return database.read(...given);
    },
    transaction: ((...given: Parameters<typeof database.transaction>) => {
      transactions++;
      return database.transaction(...given);
    }) as typeof database.transaction,
  };
  const counted = await createTestApi(counting);
  const body = { query_embedding: Array.from({ length: 1536 }, (_, n) => n + 1), top_k: 3 };
  const ask = () => counted.call("POST", "/v1/query", { key: tenant.key, body });
  expect((await ask()).body.hits).toHaveLength(1);
  await new Promise((resolve) => setTimeout(resolve, 500)); // the key's date of last use
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
      else
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys: [key] }));
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => jwks.once("listening", resolve));
    withTokens = await createTestApi(own.database, { jwt: jwt() });
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
    return new SignJWT(claims)
      .setProtectedHeader({ alg, kid: "one" })
      .setIssuedAt()
      .setExpirationTime(exp)
      .sign(key);
  }
  const ask = (key: string, method = "GET", body?: object) =>
    withTokens.call(method, "/v1/collections", { key, body });

  test("one that is signed by it, for this service, speaks for its tenant with its scopes", async () => {
    const good = await token();
    const seen = await ask(good);
    expect(seen.status).toBe(200);
    expect(seen.text).toContain(tenant.id === "" ? "never" : "collections");
    expect((await ask(good, "POST", { name: "new" })).status).toBe(403);
    expect((await ask(await token({ scope: "read write" }), "POST", { name: "by-token" })).status).toBe(201);
    expect((await api.call("GET", "/v1/collections/by-token", { key: tenant.key })).status).toBe(200);
    expect((await api.call("GET", "/v1/collections", { key: good })).status).toBe(401); // where none is configured
  });

  test("one of another issuer, audience, tenant, key or time is refused", async () => {
    const stranger = await generateKeyPair("ES256");
    const shared = new TextEncoder().encode("a secret that is long enough for HS256");
    const bad = {
      issuer: await token({ iss: "https://evil.example.com/" }),
      audience: await token({ aud: "other" }),
      "no tenant": await token({ org: undefined }),
      "tenant by name": await token({ org: "acme" }),
      "missing tenant": await token({ org: "00000000-1111-4222-8333-444444444444" }),
      "tenant that is no text": await token({ org: [tenant.id] }),
      key: await token({}, { key: stranger.privateKey }),
      expired: await token({}, { exp: "-1m" }),
      "shared secret": await token({}, { key: shared as never, alg: "HS256" }),
      unsigned: `${Buffer.from('{"alg":"none"}').toString("base64url")}.${(await token()).split(".")[1]}.`,
    };
    for (const [why, one] of Object.entries(bad)) expect((await ask(one)).status, why).toBe(401);
  });

  test("the look for its tenant has what the request has left, and ends with it", async () => {
    let slow = false;
    let limit: unknown;
    const database: Database = {
      ...own.database,
      async transaction(work, settings) {
        if (slow) {
          limit = settings?.statement_timeout;
          await new Promise((resolve) => setTimeout(resolve, 3_000));
        }
        return own.database.transaction(work, settings);
      },
    };
    const hurried = await createTestApi(database, { jwt: jwt(), deadline: 1_000 });
    slow = true;
    const started = performance.now();
    const late = await hurried.call("GET", "/v1/collections", { key: await token() });
    expect(late).toMatchObject({ status: 504, body: { code: "deadline_exceeded" } });
    expect(performance.now() - started).toBeLessThan(2_800);
    expect(limit).toBeLessThanOrEqual(1_000);
  });

  test("when the issuer's keys cannot be read it is the service's fault, not the caller's", async () => {
    broken = true;
    const fresh = await createTestApi(own.database, { jwt: jwt("x") });
    expect((await fresh.call("GET", "/v1/collections", { key: await token() })).status).toBe(503);
    broken = false;
  });
});
