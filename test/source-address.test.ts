import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, expect, inject, onTestFinished, test } from "vitest";
import { plainRecords, putRecords } from "./support/fill-chroma.ts";
import { createChromaDatabase, createTenantCollection, openTestSource } from "./support/migration.ts";
import { startHttpProxy } from "./support/proxy.ts";

const run = promisify(execFile);
const chroma = inject("chromaUrl");
const port = new URL(chroma).port;
let scope: string;
beforeAll(async () => {
  scope = await createChromaDatabase(chroma);
  await putRecords(await createTenantCollection(chroma, scope), plainRecords(5, 4));
});

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Reads a record with its vector, by GET and by POST. */
async function readOne(url: string, token?: string): Promise<string> {
  const source = await openTestSource(url, { token });
  const [collection] = await source.listCollections({ databases: [scope] });
  if (!collection) throw new Error("There is no collection.");
  expect((await source.getRecords(collection, ["doc-3"])).get("doc-3")?.embedding).toHaveLength(4);
  return source.url;
}

test.each(["", "/", "/api/v2", "/api/v2/", "/api/v1", "/api/v2/heartbeat", "/docs", "/docs/#/", "?x=1"])(
  "the address of the server with %j appended names the same source",
  async (end) => {
    expect(await readOne(`${chroma}${end}`)).toBe(chroma);
  },
);

test("a loopback host needs no scheme", async () => {
  expect(await readOne(`127.0.0.1:${port}`)).toBe(`http://127.0.0.1:${port}`);
  expect(await readOne(` localhost:${port}/api/v2 `)).toBe(`http://localhost:${port}`);
});

test("an address with a prefix keeps the prefix and loses a known ending", async () => {
  const proxy = await startHttpProxy(chroma, { prefix: "/intern/chroma" });
  onTestFinished(() => proxy.stop());
  expect(await readOne(`${proxy.url}/api/v2/`)).toBe(proxy.url);
});

test.each([
  ["chroma.example.org:8000", /Write the scheme: https:\/\/chroma.example.org:8000/],
  ["chroma_data", /Write the scheme.*chroma run --path chroma_data/],
  ["./chroma_data", /is a folder.*chroma run --path \.\/chroma_data --port 8000.*--chroma http:\/\/localhost:8000/],
  ["/var/lib/my chroma", /chroma run --path "\/var\/lib\/my chroma"/],
  ["~/chroma", /is a folder/],
  ["C:\\chroma\\data", /is a folder/],
  [".", /is a folder/],
  ["file:///srv/chroma", /chroma run --path \/srv\/chroma/],
  ["data/chroma.sqlite3", /chroma run --path data /],
  [`${chroma}/api/v2/tenants/acme/databases/main/collections`, /--chroma-tenant acme --chroma-database main/],
  ["", /is not the address/],
  ["postgres://localhost/x", /is not the address/],
])("%s is refused with what to write", async (url, message) => {
  await expect(openTestSource(url)).rejects.toMatchObject({
    code: "invalid_input",
    path: "--chroma",
    message: expect.stringMatching(message),
  });
});

test("an existing folder, and a file in it, are not taken for a host", async () => {
  const folder = await mkdtemp(join(tmpdir(), "chroma_data-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "chroma.sqlite3"), "");
  for (const input of [folder, join(folder, "chroma.sqlite3")])
    await expect(openTestSource(input)).rejects.toMatchObject({
      message: expect.stringContaining(`chroma run --path ${folder} --port 8000`),
    });
});

test("a port where nothing listens is reported", async () => {
  const url = await listen(() => {});
  const nowhere = url.replace(/\d+$/, "9");
  await expect(openTestSource(nowhere)).rejects.toMatchObject({
    message: expect.stringMatching(/ECONNREFUSED.*port \(8000 by default\)\. Check the server/),
  });
});

test("https to a server that uses http is reported", async () => {
  await expect(openTestSource(chroma.replace("http:", "https:"))).rejects.toMatchObject({
    message: expect.stringMatching(/does not use TLS.*http:\/\/\. Check the server/),
  });
});

test.each([301, 302, 307, 308])(
  "a redirect with %i to another prefix or a trailing slash is followed",
  async (status) => {
    const logins = new Set<string | undefined>();
    const url = await listen(async (request, response) => {
      const { url: path = "", method = "GET", headers } = request;
      logins.add(headers.authorization);
      const [route = "", query = ""] = path.split("?");
      if (!path.startsWith("/moved")) return response.writeHead(status, { location: `/moved${path}` }).end();
      if (!route.endsWith("/")) return response.writeHead(status, { location: `${route}/?${query}` }).end();
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const answer = await fetch(`${chroma}${route.slice("/moved".length, -1)}?${query}`, {
        method,
        headers: { "content-type": "application/json" },
        body: method === "GET" ? undefined : Buffer.concat(chunks),
      });
      response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
    });
    expect(await readOne(url, "t")).toBe(`${url}/moved`);
    expect([...logins]).toEqual(["Bearer t"]);
  },
);

test("a redirect loop and a redirect to a login page are reported and not followed", async () => {
  let visits = 0;
  const circle = await listen(({ url }, response) => {
    visits++;
    response.writeHead(301, { location: `/x${url}` }).end();
  });
  await expect(openTestSource(circle)).rejects.toMatchObject({
    code: "source_unavailable",
    message: expect.stringMatching(/301.*redirects in a row/),
  });
  expect(visits).toBeLessThan(10);
  const login = await listen((_request, response) => response.writeHead(302, { location: "/login" }).end());
  await expect(openTestSource(login)).rejects.toMatchObject({
    message: expect.stringMatching(/302.*\/login.*login page/),
  });
});

test("a redirect from http to https on the same host is followed, and later requests use https directly", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cairn-tls-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=127.0.0.1";
  const name = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert];
  await run("openssl", [...request.split(" "), ...name]);
  const tls = { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
  const secure = await startHttpProxy(chroma, { tls });
  onTestFinished(() => secure.stop());
  let visits = 0;
  const plain = await listen(({ url }, response) => {
    visits++;
    response.writeHead(301, { location: `${secure.url}${url}` }).end();
  });
  const command = fileURLToPath(new URL("../packages/cli/bin/cairn.mjs", import.meta.url));
  const options = ["--chroma", plain, "--chroma-database", scope, "--directory", join(folder, "none")];
  const { stdout } = await run(process.execPath, [command, "migrate", ...options, "--dry-run", "--json"], {
    env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: cert },
  });
  expect(JSON.parse(stdout)).toMatchObject({ collections: [{ count: 5 }], unmapped: [] });
  expect(visits).toBe(1);
});
