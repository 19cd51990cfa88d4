import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";
import { type RunningService, startServe } from "./support/cairn-serve.ts";
import { serverUrl } from "./support/database.ts";

// `cairn serve --private-listen`: what the public address hides, and what the private one serves.

const cli = useCairnCli();
let service: RunningService;
let privateUrl = "";
beforeAll(async () => {
  if (serverUrl()) await cli.run(["db", "migrate"]);
  service = await startServe(cli, { environment: { CAIRN_PRIVATE_LISTEN: "[::1]:0" } });
  privateUrl = /reference at (http:\S+)\/docs/.exec(service.output())?.[1] ?? "";
});
afterAll(() => service?.stop());

const PRIVATE_PATHS = ["/metrics", "/docs", "/docs/start.js", "/openapi.json", "/%6detrics", "/docs/swagger-ui.css"];

test("the public address answers 404 for /metrics, /docs and /openapi.json, to every method", async () => {
  for (const path of PRIVATE_PATHS)
    for (const method of ["GET", "HEAD", "POST", "OPTIONS"])
      expect((await fetch(service.url + path, { method })).status, `${method} ${path}`).toBe(404);
  const problem = await (await fetch(`${service.url}/metrics`)).json();
  expect(problem).toMatchObject({ code: "not_found", status: 404 });
});

test("the private address serves them, and both serve the probes and the API", async () => {
  expect(privateUrl).not.toBe(service.url);
  for (const path of PRIVATE_PATHS) expect((await fetch(privateUrl + path)).status, path).toBe(200);
  for (const url of [service.url, privateUrl]) {
    for (const path of ["/health", "/ready"]) expect((await fetch(url + path)).status, url + path).toBe(200);
    expect((await fetch(`${url}/v1/documents`)).status).toBe(401);
  }
});

test("SIGTERM closes both addresses, and the service exits with 0", async () => {
  expect(await service.stop()).toBe(0);
  await expect(fetch(`${privateUrl}/health`)).rejects.toThrow();
});

test("a port in use ends the process, although the private address could be used", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  const { code, err } = await cli.run(["serve", "--port", `${port}`, "--private-listen", "127.0.0.1:0"]);
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("with --port.") });
});

test("--chroma-no-auth is refused unless both addresses are on loopback", async () => {
  const start = (...flags: readonly string[]) => cli.run(["serve", "--chroma-no-auth", "--port", "0", ...flags]);
  for (const [flag, address] of [
    ["--host", "0.0.0.0"],
    ["--private-listen", "0.0.0.0:0"],
  ] as const)
    expect(await start(flag, address)).toMatchObject({
      code: 2,
      err: expect.stringContaining(`--chroma-no-auth cannot be used with ${flag} 0.0.0.0`),
    });
});
