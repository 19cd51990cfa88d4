import { connect } from "node:net";
import { connectPg } from "@cairn/core/database/pg.ts";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";
import { type RunningService, startServe } from "./support/cairn-serve.ts";
import { serverUrl } from "./support/database.ts";
import { startEmbeddingApi } from "./support/embedding-api.ts";
import { useServer } from "./support/fixture.ts";

// Shutdown of the service during requests and jobs.

const cli = useCairnCli();
const embeddings = useServer(startEmbeddingApi);
let service: RunningService;
let key = "";
beforeAll(async () => {
  if (serverUrl()) await cli.run(["db", "migrate"]);
  await cli.json("tenants", "create", "acme");
  ({ secret: key } = await cli.json("keys", "create", "--tenant", "acme", "--scopes", "read,write,admin"));
});
afterAll(() => service?.stop());

const serve = () => startServe(cli, { environment: { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: embeddings.url } });

/** Time limit for the work before the shutdown. It is long because the machine may be busy. */
const WORK_TIMEOUT_MS = 60_000;

/** Time limit of a shutdown, whatever is open. */
const SHUTDOWN_TIMEOUT_MS = 10_000;

const call = (method: string, path: string, body?: object) =>
  fetch(service.url + path, {
    method,
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });

const model = { embedding_model: "openai/text-embedding-3-small" };

/** Stops the service. Returns its exit code and the milliseconds it duration. */
async function stop() {
  const startedAt = performance.now();
  return { code: await service.stop(), duration: performance.now() - startedAt };
}

test("SIGTERM ends streams with `continue` and releases the job with its progress; the next process finishes it", async () => {
  service = await serve();
  await call("POST", "/v1/collections", { name: "bulk", ...model });
  // The first 200 have vectors. The embedding request for the rest hangs.
  const embedding = [1, ...Array(1535).fill(0)];
  const documents = Array.from({ length: 250 }, (_, n) =>
    n < 200 ? { id: `d${n}`, content: `text ${n}`, embedding } : { id: `d${n}`, content: `text ${n}` },
  );
  embeddings.script({ kind: "hang" });
  const accepted = await call("POST", "/v1/documents/bulk", { collection: "bulk", documents });
  expect(accepted.status).toBe(202);
  const { id } = (await accepted.json()) as { readonly id: string };
  const state = async () =>
    (await (await call("GET", `/v1/jobs/${id}`)).json()) as {
      readonly status: string;
      readonly attempts: number;
      readonly counts: Readonly<Record<string, number>>;
    };
  await vi.waitFor(async () => expect(await state()).toMatchObject({ counts: { position: 200 } }), {
    timeout: WORK_TIMEOUT_MS,
    interval: 200,
  });
  const events = (await call("GET", `/v1/jobs/${id}/events`)).text();
  const { code, duration } = await stop();
  expect(code).toBe(0);
  expect(duration).toBeLessThan(SHUTDOWN_TIMEOUT_MS);
  expect(await events).toMatch(/event: continue\n/);

  service = await serve();
  await vi.waitFor(async () => expect((await state()).status).toBe("completed"), {
    timeout: WORK_TIMEOUT_MS,
    interval: 200,
  });
  expect(await state()).toMatchObject({ attempts: 1, counts: { documents: 250, position: 250 } });
  await service.stop();
});

test("SIGTERM stops the service in time with an open model request, an incomplete request and a stream", async () => {
  service = await serve();
  await call("POST", "/v1/collections", { name: "open", ...model });
  embeddings.always({ kind: "hang" });
  const requestsBefore = embeddings.requests.length;
  const waiting = call("POST", "/v1/query", { collection: "open", query: "kettle" });
  await vi.waitFor(() => expect(embeddings.requests.length).toBeGreaterThan(requestsBefore), {
    timeout: WORK_TIMEOUT_MS,
  });
  const incomplete = connect(Number(new URL(service.url).port), "127.0.0.1");
  incomplete.on("error", () => {});
  incomplete.write(
    `POST /v1/query HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
  );
  const { id } = (await (await call("POST", "/v1/documents/bulk", BULK)).json()) as { readonly id: string };
  const events = (await call("GET", `/v1/jobs/${id}/events`)).text();
  const { code, duration } = await stop();
  expect(code).toBe(0);
  expect(duration).toBeLessThan(SHUTDOWN_TIMEOUT_MS);
  expect((await waiting).status).toBe(504);
  expect(await (await waiting).json()).toMatchObject({ detail: expect.stringContaining("shut down") });
  expect(await events).toMatch(/event: continue\n/);
  incomplete.destroy();
});

const BULK = { collection: "open", documents: [{ id: "a", content: "never embedded" }] };

test.runIf(serverUrl())(
  "SIGTERM stops the service in time if the database does not respond, also during its start",
  async () => {
    embeddings.always({ kind: "hang" });
    service = await serve();
    await call("POST", "/v1/collections", { name: "open", ...model });
    expect((await call("POST", "/v1/documents/bulk", BULK)).status).toBe(202);
    const blocker = connectPg({ url: cli.databaseUrl as string });
    try {
      await blocker.transaction(async ({ script }) => {
        await script("LOCK TABLE cairn.jobs IN ACCESS EXCLUSIVE MODE");
        const first = await stop();
        service = await serve(); // it looks for released jobs and waits for the lock
        for (const { code, duration } of [first, await stop()]) {
          expect(code).toBe(0);
          expect(duration).toBeLessThan(SHUTDOWN_TIMEOUT_MS);
        }
      });
    } finally {
      await blocker.close();
    }
  },
);

test("SIGTERM writes the usage that was counted since the last time", async () => {
  const countRequests = async () => {
    const { days } = await cli.json("usage", "--tenant", "acme");
    return days.reduce((sum: number, { requests }: { readonly requests: number }) => sum + requests, 0);
  };
  const before = await countRequests();
  service = await serve();
  for (let n = 0; n < 3; n++) expect((await call("GET", "/v1/collections")).status).toBe(200);
  await stop();
  expect(await countRequests()).toBe(before + 3);
});
