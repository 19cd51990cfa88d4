import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { ChromaOptions } from "@cairn/chroma/source/options.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  expectSame,
  migrateDatabase,
  openTestSource,
  ownerRows,
} from "./support/migration.ts";
import { type HttpProxy, type HttpProxyOptions, type SeenRequest, startHttpProxy } from "./support/proxy.ts";

const SECRET = "s3cret-p@ss/word%";
const run = promisify(execFile);
const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
let collection: Awaited<ReturnType<typeof createTenantCollection>>;

beforeAll(async () => {
  scope = await createChromaDatabase(chroma);
  collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, plainRecords(20, 4));
});

async function proxyBefore(options: HttpProxyOptions): Promise<HttpProxy> {
  const proxy = await startHttpProxy(chroma, options);
  onTestFinished(() => proxy.stop());
  return proxy;
}

/** A server that refuses requests without the header and quotes the received headers in its response. */
const guarded = (isAllowed: (headers: SeenRequest["headers"]) => boolean, status = 401) =>
  proxyBefore({
    rules: [
      ({ headers }) =>
        isAllowed(headers)
          ? undefined
          : {
              kind: "answer",
              status,
              body: JSON.stringify({ message: `not with ${JSON.stringify(headers)}` }),
            },
    ],
  });

const basic = (login: string) => `Basic ${Buffer.from(login).toString("base64")}`;

const credentials: readonly (readonly [
  string,
  (headers: SeenRequest["headers"]) => boolean,
  (url: string) => Partial<ChromaOptions>,
])[] = [
  ["a bearer token", ({ authorization }) => authorization === `Bearer ${SECRET}`, () => ({ token: SECRET })],
  ["an X-Chroma-Token", (headers) => headers["x-chroma-token"] === SECRET, () => ({ token: SECRET })],
  [
    "basic authentication",
    ({ authorization }) => authorization === basic(`admin:${SECRET}`),
    () => ({ basic: `admin:${SECRET}` }),
  ],
  [
    "user and password in the address",
    ({ authorization }) => authorization === basic(`admin:${SECRET}`),
    (url) => ({ url: url.replace("//", `//admin:${encodeURIComponent(SECRET)}@`) }),
  ],
  [
    "a gateway header",
    (headers) => headers["cf-access-client-secret"] === SECRET,
    () => ({ headers: { "CF-Access-Client-Secret": SECRET } }),
  ],
];

/** The ledger's rows of all runs so far. */
const ledger = async () =>
  stringifyJson(
    await ownerRows(
      testDb.database,
      sql`SELECT r.*, c.why FROM cairn.migration_runs AS r LEFT JOIN cairn.migration_collections AS c ON c.run_id = r.id`,
    ),
  );
const secrets = [SECRET, encodeURIComponent(SECRET), Buffer.from(`admin:${SECRET}`).toString("base64"), "p@ss"];

describe.each(credentials)("a server that requires %s", (_name, isAllowed, options) => {
  test("is migrated, and neither the report nor the ledger contains the secret", async () => {
    const proxy = await guarded(isAllowed);
    const source = await openTestSource(proxy.url, options(proxy.url));
    const report = await migrateDatabase(testDb.database, source, scope);
    expect(report).toMatchObject({ verdict: "identical", source: { url: proxy.url } });
    await expectSame(testDb.database, collection);
    const text = stringifyJson(report) + (await ledger());
    for (const secret of secrets) expect(text).not.toContain(secret);
  });

  test.each([401, 403, 400, 502])("and refuses with %i is reported without any secret", async (status) => {
    const proxy = await guarded(() => false, status);
    const error = await openTestSource(proxy.url, options(proxy.url)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ message: expect.stringContaining(String(status)) });
    if (status < 404 && status > 400)
      expect(error).toMatchObject({
        code: "source_unavailable",
        message: expect.stringMatching(/refused the login.*--token/),
      });
    for (const secret of secrets) expect((error as Error).message).not.toContain(secret);
  });
});

test("a server that refuses a token during the run stops it without any secret in the ledger", async () => {
  let requests = 0;
  const proxy = await guarded(({ authorization }) => authorization === `Bearer ${SECRET}` && ++requests < 8);
  const source = await openTestSource(proxy.url, { token: SECRET });
  await expect(migrateDatabase(testDb.database, source, scope)).rejects.toMatchObject({
    code: "source_unavailable",
  });
  const text = await ledger();
  expect(text).toContain("refused the login (401)");
  for (const secret of secrets) expect(text).not.toContain(secret);
});

test.each([
  ["an invalid port", `http://admin:${SECRET}@localhost:99999`],
  ["no scheme", `admin:${SECRET}@localhost:8000`],
  ["a foreign scheme", `postgres://admin:${SECRET}@localhost:8000`],
  ["an @ in the password", `http://admin:x@${SECRET}@local host`],
])("an address with %s is refused without its password", async (_name, url) => {
  const error = await openTestSource(url).catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    code: "invalid_input",
    path: "--chroma",
    message: expect.stringContaining("localhost:8000"),
  });
  for (const secret of secrets) expect((error as Error).message).not.toContain(secret);
});

test("a percent sign that encodes nothing is accepted in a password", async () => {
  const proxy = await guarded(({ authorization }) => authorization === basic("admin:100%"));
  await expect(openTestSource(proxy.url.replace("//", "//admin:100%@"))).resolves.toMatchObject({
    url: proxy.url,
  });
});

test("a token with a line break is refused at once and not shown", async () => {
  const error = await openTestSource("http://127.0.0.1:9", { token: `${SECRET}\nmore` }).catch(
    (caught: unknown) => caught,
  );
  expect(error).toMatchObject({ code: "invalid_input", message: expect.stringContaining("authorization") });
  for (const secret of secrets) expect((error as Error).message).not.toContain(secret);
});

test("a server under a path prefix is migrated, and its address keeps the prefix", async () => {
  const proxy = await proxyBefore({ prefix: "/intern/chroma" });
  const report = await migrateDatabase(testDb.database, `${proxy.url}/`, scope);
  expect(report).toMatchObject({ verdict: "identical", source: { url: proxy.url } });
});

test("a missing path prefix is suggested in the message", async () => {
  const proxy = await proxyBefore({ prefix: "/chroma" });
  await expect(openTestSource(proxy.url.replace("/chroma", ""))).rejects.toMatchObject({
    code: "source_unavailable",
    message: expect.stringContaining("path prefix"),
  });
});

describe("TLS with a private certificate", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cairn-tls-"));
  const key = join(folder, "key.pem");
  const cert = join(folder, "cert.pem");
  const command = fileURLToPath(new URL("../packages/cli/bin/cairn.mjs", import.meta.url));
  beforeAll(() =>
    run("openssl", [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "1",
      "-subj",
      "/CN=127.0.0.1",
      "-addext",
      "subjectAltName=IP:127.0.0.1",
      "-keyout",
      key,
      "-out",
      cert,
    ]),
  );
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const secureProxy = async () =>
    proxyBefore({ tls: { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") } });

  test("is trusted through NODE_EXTRA_CA_CERTS", async () => {
    const proxy = await secureProxy();
    const options = ["--chroma", proxy.url, "--chroma-database", scope, "--directory", join(folder, "none")];
    const env = { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: cert };
    const { stdout } = await run(process.execPath, [command, "migrate", ...options, "--dry-run", "--json"], {
      env,
    });
    expect(JSON.parse(stdout)).toMatchObject({
      collections: [{ source: { name: collection.name }, count: 20 }],
    });
    expect(proxy.seen.some(({ body }) => body.includes('"embeddings"'))).toBe(true);
  });

  test("is refused by default, with the reason", async () => {
    const proxy = await secureProxy();
    await expect(openTestSource(proxy.url)).rejects.toMatchObject({
      code: "source_unavailable",
      message: expect.stringContaining("DEPTH_ZERO_SELF_SIGNED_CERT"),
    });
    expect(proxy.seen).toEqual([]);
  });
});
