import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type CairnCli, createCairnCli } from "./support/cairn-cli.ts";
import { type Served, startServe } from "./support/cairn-serve.ts";
import { serverUrl } from "./support/database.ts";
import { type EmbeddingApi, startEmbeddingApi } from "./support/embedding-api.ts";

// A service that is asked to end while a job runs and somebody watches it.

let cli: CairnCli;
let embeddings: EmbeddingApi;
let service: Served;
let key = "";
beforeAll(async () => {
  [cli, embeddings] = await Promise.all([createCairnCli(), startEmbeddingApi()]);
  if (serverUrl()) await cli.run(["db", "migrate"]);
  await cli.json("tenants", "create", "acme");
  ({ secret: key } = await cli.json("keys", "create", "--tenant", "acme", "--scopes", "read,write,admin"));
});
afterAll(async () => {
  await service?.stop();
  await embeddings?.stop();
  await cli?.remove();
});

const serve = () =>
  startServe(cli, { environment: { OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: embeddings.url } });

/** Longer than a service may take by far, shorter than a stream lasts: the machine may be busy. */
const A_WHILE = 60_000;

test("SIGTERM ends streams with `continue` and hands the job over with its progress; the next process finishes it", async () => {
  service = await serve();
  const call = (method: string, path: string, body?: object) =>
    fetch(service.url + path, {
      method,
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    });
  await call("POST", "/v1/collections", { name: "bulk", embedding_model: "openai/text-embedding-3-small" });
  // The first 200 have vectors, the model is never done with the rest.
  const embedding = [1, ...Array(1535).fill(0)];
  const documents = Array.from({ length: 250 }, (_, n) =>
    n < 200 ? { id: `d${n}`, content: `text ${n}`, embedding } : { id: `d${n}`, content: `text ${n}` },
  );
  embeddings.script({ kind: "hang" });
  const begun = await call("POST", "/v1/documents/bulk", { collection: "bulk", documents });
  expect(begun.status).toBe(202);
  const { id } = (await begun.json()) as { readonly id: string };
  const state = async () =>
    (await (await call("GET", `/v1/jobs/${id}`)).json()) as {
      readonly status: string;
      readonly attempts: number;
      readonly counts: Readonly<Record<string, number>>;
    };
  await vi.waitFor(async () => expect(await state()).toMatchObject({ counts: { position: 200 } }), {
    timeout: A_WHILE,
    interval: 200,
  });
  const events = (await call("GET", `/v1/jobs/${id}/events`)).text();
  const began = performance.now();
  expect(await service.stop()).toBe(0);
  expect(performance.now() - began).toBeLessThan(A_WHILE);
  expect(await events).toMatch(/event: continue\n/);

  service = await serve();
  await vi.waitFor(async () => expect((await state()).status).toBe("completed"), {
    timeout: A_WHILE,
    interval: 200,
  });
  expect(await state()).toMatchObject({ attempts: 1, counts: { documents: 250, position: 250 } });
});
