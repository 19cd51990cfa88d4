import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ChatApi, startChatApi } from "../../test/support/chat-api.ts";
import { createTestDatabase, onServer, serverUrl, type TestDatabase } from "../../test/support/database.ts";
import { type GatewayRequest, gatewayEvent } from "../../test/support/gateway-event.ts";
import { type LambdaRuntime, startLambda } from "../../test/support/runtime-api.ts";
import { type Bundle, bundleFunction } from "./bundle.ts";

/** Amazon's runtime client is built where it is installed, so it is no dependency: its executable is named here. */
const client = process.env.CAIRN_TEST_RIC;
const NULLS = "\0".repeat(8);

describe.runIf(client && serverUrl())("under Lambda's own runtime client", () => {
  let own: TestDatabase;
  let chat: ChatApi;
  let key: string;
  const bundles: Bundle[] = [];
  const running: LambdaRuntime[] = [];
  beforeAll(async () => {
    own = await createTestDatabase();
    chat = await startChatApi();
    const { id } = await createTenant(own.database, { name: "acme" });
    ({ secret: key } = await createApiKey(own.database, id, { scopes: ["read", "write"] }));
  });
  afterAll(async () => {
    for (const one of running) await one.stop();
    for (const { folder } of bundles) await rm(folder, { recursive: true });
    await chat?.stop();
    await own?.drop();
  });

  async function start(name: "api" | "stream"): Promise<LambdaRuntime> {
    const bundle = await bundleFunction(name);
    bundles.push(bundle);
    // The runtime brings the SDK.
    await symlink(
      fileURLToPath(new URL("../../node_modules", import.meta.url)),
      join(bundle.folder, "node_modules"),
    );
    const runtime = await startLambda({
      client: client as string,
      folder: bundle.folder,
      handler: `${name}.handler`,
      environment: {
        SST_RESOURCE_DatabaseUrl: JSON.stringify({ value: own.url }),
        CAIRN_CHAT_MODEL: "scripted",
        CAIRN_EMBEDDING_MODEL: "offline/words",
        OPENAI_BASE_URL: chat.url,
      },
    });
    running.push(runtime);
    return runtime;
  }

  const event = (method: string, path: string, body?: object, more: Partial<GatewayRequest> = {}) =>
    gatewayEvent(method, path, { key, body: body && JSON.stringify(body), ...more });

  async function ask(runtime: LambdaRuntime, ...given: Parameters<typeof event>) {
    const { outcome, body } = await runtime.invoke(event(...given));
    expect(outcome, `${body}\n${runtime.output()}`).toBe("response");
    const { statusCode, body: text, headers } = JSON.parse(body);
    return { status: statusCode as number, headers, json: JSON.parse(text) };
  }

  test("events are answered: text, base64, headers of many values; what it prints tells nothing", async () => {
    const api = await start("api");
    const documents = [{ id: "returns", content: "You may return a kettle within 30 days." }];
    expect((await ask(api, "POST", "/v1/documents", { documents })).status).toBe(200);
    const base64 = await ask(api, "POST", "/v1/query", { query: "return a kettle" }, { base64: true });
    expect(base64.json.hits).toMatchObject([{ id: "returns" }]);
    const accept = {
      accept: "application/json,text/plain;q=0.5",
      "x-forwarded-for": "1.2.3.4, 5.6.7.8",
    };
    expect(
      (await ask(api, "GET", "/v1/documents", undefined, { headers: accept, cookies: ["a=1", "b=2"] }))
        .status,
    ).toBe(200);
    expect((await ask(api, "GET", "/nowhere")).status).toBe(404);
    expect(api.output()).not.toMatch(new RegExp(`${key}|kettle|postgres://`));
  });

  test("an environment that was frozen, and whose connections died meanwhile, answers the next event as if nothing had been", async () => {
    const api = running[0] as LambdaRuntime;
    const query = { query: "return a kettle" };
    const { pathname } = new URL(own.url as string);
    for (const mode of ["before it is thawed", "and at once"]) {
      expect((await ask(api, "POST", "/v1/query", query)).json.hits).toHaveLength(1);
      api.freeze();
      await onServer(
        serverUrl() as string,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${pathname.slice(1)}'`,
      );
      if (mode === "and at once") {
        const asked = ask(api, "POST", "/v1/query", query); // the event waits for it, as does the news of the connection
        api.thaw();
        expect((await asked).json.hits).toHaveLength(1);
      } else {
        api.thaw();
        expect((await ask(api, "POST", "/v1/query", query)).json.hits).toHaveLength(1);
      }
    }
  });

  test("chat streams: the first words are there while the model still speaks", async () => {
    const stream = await start("stream");
    chat.script({ kind: "hang", after: ["Within ", "30 days"] });
    const body = { stream: true, messages: [{ role: "user", content: "return a kettle" }] };
    const { outcome, streamed, pieces, body: text } = await stream.invoke(event("POST", "/v1/chat", body));
    expect(outcome, stream.output()).toBe("response");
    expect(streamed).toBe(true);
    const [head = "", rest = ""] = text.split(NULLS);
    expect(JSON.parse(head)).toMatchObject({
      statusCode: 200,
      headers: { "content-type": expect.stringMatching(/event-stream/) },
    });
    expect(rest).toContain("30 days");
    const words = pieces.find(({ text: piece }) => piece.includes("30 days"));
    const last = pieces.at(-1);
    expect((last?.at ?? 0) - (words?.at ?? 0), "the words did not wait for the end").toBeGreaterThan(5_000);
    expect(rest).toMatch(/^event: error/m); // a model that falls silent is said to have failed
  });

  test("a request that outlives its deadline is answered and cancelled before the function's own end; the next is answered", async () => {
    const api = running[0] as LambdaRuntime;
    const holder = new Client({ connectionString: own.url });
    await holder.connect();
    await holder.query("BEGIN; LOCK TABLE cairn.documents");
    const began = performance.now();
    const slow = await ask(api, "POST", "/v1/query", { query: "kettle" });
    expect(slow.status).toBe(504);
    expect(performance.now() - began).toBeLessThan(27_000);
    // The statement's own time began a little after the request's.
    const waiting = async () =>
      (
        await holder.query(
          "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
      ).rowCount;
    await expect.poll(waiting, { timeout: 3_000, message: "nothing of it goes on in the database" }).toBe(0);
    await holder.end();
    expect((await ask(api, "POST", "/v1/query", { query: "kettle" })).json.hits).toHaveLength(1);
  });
});
