import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";
import { type RunningService, startServe } from "./support/cairn-serve.ts";
import { startChatApi } from "./support/chat-api.ts";
import { serverUrl } from "./support/database.ts";
import { useServer } from "./support/fixture.ts";
import { startIssuer } from "./support/issuer.ts";

// `cairn serve` with an issuer, a chat model and a trace collector, set by flags and environment variables.

/** A trusted proxy on this machine, and a low limit of invalid keys per address. */
const ADDRESS_FLAGS = ["--trusted-proxies", "127.0.0.1", "--unknown-keys", "3"];

const CANARY = "canary-7d20aa";

const cli = useCairnCli();
const issuer = useServer(startIssuer);
const chat = useServer(startChatApi);
let collector: Server;
let service: RunningService;
let tenantId: string;
const traceBodies: string[] = [];
beforeAll(async () => {
  if (serverUrl()) await cli.run(["db", "migrate"]);
  ({ id: tenantId } = await cli.json("tenants", "create", "acme"));
  collector = createServer(async (request, response) => {
    if (request.url === "/v1/traces") traceBodies.push(await text(request));
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const { CAIRN_JWT_JWKS_URL = "", CAIRN_JWT_ISSUER = "", ...variables } = issuer.variables;
  service = await startServe(cli, {
    flags: [
      "--jwt-jwks-url",
      CAIRN_JWT_JWKS_URL,
      "--jwt-issuer",
      CAIRN_JWT_ISSUER,
      "--max-body",
      "20000",
      ...ADDRESS_FLAGS,
    ],
    environment: {
      ...variables,
      CAIRN_CHAT_MODEL: "scripted",
      CAIRN_CHAT_BASE_URL: chat.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    },
  });
});
afterAll(async () => {
  await service?.stop();
  collector?.close();
});

async function call(method: string, path: string, token: string, body?: object) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const response = await fetch(service.url + path, { method, headers, body: body && JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as { code?: string; model?: string } };
}

test("a token of the issuer has the access of its tenant and scopes; a token for another audience is refused", async () => {
  const writer = issuer.token(tenantId, { scope: "read write" });
  const documents = [{ id: CANARY, content: `You may return a ${CANARY} within 30 days.` }];
  expect((await call("POST", "/v1/documents", writer, { documents })).status).toBe(200);
  const reader = issuer.token(tenantId);
  expect((await call("GET", `/v1/documents/${CANARY}`, reader)).status).toBe(200);
  expect((await call("POST", "/v1/documents", reader, { documents })).status).toBe(403);
  const otherAudience = issuer.token(tenantId, { aud: "elsewhere" });
  expect((await call("GET", `/v1/documents/${CANARY}`, otherAudience)).status).toBe(401);
});

test("a body above --max-body gets 413, and chat uses the configured server", async () => {
  const writer = issuer.token(tenantId, { scope: "read write" });
  const documents = [{ content: "x".repeat(20_000) }];
  expect(await call("POST", "/v1/documents", writer, { documents })).toMatchObject({
    status: 413,
    body: { code: "body_too_large" },
  });
  const messages = [{ role: "user", content: `return a ${CANARY}` }];
  expect(await call("POST", "/v1/chat", writer, { messages })).toMatchObject({
    status: 200,
    body: { model: "scripted" },
  });
  expect(chat.requests.map(({ model }) => model)).toEqual(["scripted"]);
});

test("an address that tries more invalid keys than --unknown-keys gets 429, and other addresses are served", async () => {
  const requestFrom = async (address: string, n: number) => {
    const headers = { authorization: `Bearer cairn_${n}`, "x-forwarded-for": address };
    return (await fetch(`${service.url}/v1/documents`, { headers })).status;
  };
  const statuses = [];
  for (let n = 0; n < 4; n++) statuses.push(await requestFrom("203.0.113.7", n));
  expect(statuses).toEqual([401, 401, 401, 429]);
  expect(await requestFrom("203.0.113.8", 4)).toBe(401);
});

test("an incomplete issuer is refused at the start, and the error names the missing setting", async () => {
  const { CAIRN_JWT_AUDIENCE, ...incomplete } = issuer.variables;
  const { code, err } = await cli.run(["serve", "--port", "0", "--directory", "other"], { env: incomplete });
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("CAIRN_JWT_AUDIENCE is not set") });
});

test("each request is one span with its route, without addresses, texts and tokens", async () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const response = await fetch(`${service.url}/v1/documents/${CANARY}?collection=${CANARY}`, {
    headers: {
      authorization: `Bearer ${issuer.token(tenantId)}`,
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    },
  });
  expect(response.status).toBe(404);
  expect(await service.stop(), "remaining spans are sent at the end").toBe(0);
  const requestSpans = spans().filter((span) => span.traceId === traceId);
  expect(requestSpans.map(({ name, attributes }) => [name, attributes])).toEqual([
    [
      "GET /v1/documents/:document",
      {
        "http.request.method": "GET",
        "http.route": "/v1/documents/:document",
        "http.response.status_code": 404,
        "cairn.request_id": response.headers.get("X-Request-Id"),
        "cairn.tenant": tenantId,
      },
    ],
  ]);
  expect(JSON.parse(traceBodies[0] ?? "").resourceSpans[0].resource.attributes).toContainEqual({
    key: "service.name",
    value: { stringValue: "cairn" },
  });
  expect(traceBodies.join()).not.toMatch(new RegExp(`${CANARY}|return|eyJ|127\\.0\\.0\\.1`));
});

/** Returns the spans that the collector has received, from OTLP in JSON. */
function spans() {
  return traceBodies
    .flatMap((body) => JSON.parse(body).resourceSpans as OtlpResource[])
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
    .map(({ name, traceId, attributes }) => ({
      name,
      traceId,
      attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, value.intValue ?? value.stringValue])),
    }));
}

interface OtlpResource {
  readonly scopeSpans: readonly {
    readonly spans: readonly {
      readonly name: string;
      readonly traceId: string;
      readonly attributes: readonly {
        readonly key: string;
        readonly value: { readonly intValue?: number; readonly stringValue?: string };
      }[];
    }[];
  }[];
}
