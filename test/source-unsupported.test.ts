import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { openTestSource } from "./support/migration.ts";

/** A server that responds to these paths with [status, type, body], and to all others with the entry `*`. */
async function startScripted(routes: Readonly<Record<string, readonly [number, string, string]>>): Promise<string> {
  const listener: RequestListener = ({ url = "" }, response) => {
    const [status, type, body] = routes[url] ?? routes["*"] ?? [404, "text/plain", ""];
    response.writeHead(status, { "content-type": type }).end(body);
  };
  return listen(listener);
}

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const v1 = [200, "application/json", '{"nanosecond heartbeat":1}'] as const;

test.each([
  ["JSON", [404, "application/json", '{"detail":"Not Found"}']],
  ["HTML", [404, "text/html", "<!doctype html><h1>404</h1>"]],
] as const)("a v1 server, which responds to v2 with a 404 in %s, is reported with what to do", async (_name, rest) => {
  const url = await startScripted({ "/api/v1/heartbeat": v1, "*": rest });
  await expect(openTestSource(url)).rejects.toMatchObject({
    code: "source_unsupported",
    message: expect.stringMatching(/old v1 API.*Copy its data folder.*chroma run --path/),
  });
});

test("the v1 probe sends the credentials and does not follow a redirect with them", async () => {
  const logins: (string | undefined)[] = [];
  const visits: string[] = [];
  const elsewhere = await listen((request, response) => {
    visits.push(request.url ?? "");
    response.end(v1[2]);
  });
  const url = await listen(({ url: path, headers }, response) => {
    if (path !== "/api/v1/heartbeat") return response.writeHead(404).end();
    logins.push(headers.authorization);
    return response.writeHead(302, { location: elsewhere }).end();
  });
  await expect(openTestSource(url, { token: "t" })).rejects.toMatchObject({ code: "source_unavailable" });
  expect(logins).toEqual(["Bearer t"]);
  expect(visits).toEqual([]);
});

test.each([
  ["a web site with a page for every path", { "*": [200, "text/html", "<!doctype html><title>Shop</title>"] }],
  ["a web site without such a page", { "*": [404, "text/html", "<h1>404</h1>"] }],
  ["another JSON service", { "*": [200, "application/json", '{"status":"ok"}'] }],
  ["a service that responds with a number", { "*": [200, "application/json", "12"] }],
  [
    "a web site whose v1 heartbeat is a page",
    { "*": [404, "text/html", "heartless"], "/api/v1/heartbeat": [200, "text/html", "welcome"] },
  ],
] as const)("%s is not taken for a Chroma server", async (_name, routes) => {
  const url = await startScripted(routes);
  await expect(openTestSource(url)).rejects.toMatchObject({
    code: "source_unavailable",
    message: `The server at ${url} is not a Chroma server. Is a path prefix missing from --chroma?`,
  });
});

test("a redirect to another host is not followed, because it would receive the credentials", async () => {
  const visits: string[] = [];
  const elsewhere = await listen((request, response) => {
    visits.push(JSON.stringify(request.headers));
    response.end('{"nanosecond heartbeat":1}');
  });
  const url = await listen((_request, response) => response.writeHead(302, { location: elsewhere }).end());
  await expect(openTestSource(url, { token: "t" })).rejects.toMatchObject({
    message: expect.stringMatching(/302|redirect/),
  });
  expect(visits).toEqual([]);
});
