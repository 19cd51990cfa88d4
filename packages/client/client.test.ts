import { generateText, stepCountIs } from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { beforeAll, expect, test } from "vitest";
import { serveTestApi, useTestApi } from "../../test/support/api.ts";
import { useServer, useTestDatabase } from "../../test/support/fixture.ts";
import { cairnSearch } from "./ai-sdk.ts";
import { CairnError, type Client, createClient, read } from "./client.ts";
import { CairnRetriever } from "./langchain.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => ({ requestsPerMinute: 100 }));
const server = useServer(() => serveTestApi(api));
let url: string;
let client: Client;
beforeAll(async () => {
  ({ url } = server);
  client = createClient({ url, key: (await api.addTenant()).key });
  await read(
    client.v1.documents.$post({
      header: {},
      json: {
        documents: [
          {
            id: "returns",
            content: "You may return a kettle within 30 days.",
            metadata: { topic: "returns" },
            uri: "https://x/r",
          },
          { id: "hours", content: "The shop is open from nine to five.", metadata: { topic: "hours" } },
        ],
      },
    }),
  );
});

test("responses have the types of the routes, and errors are thrown with code and path", async () => {
  const { hits } = await read(client.v1.query.$post({ json: { query: "return a kettle", top_k: 1 } }));
  const id: string | undefined = hits[0]?.id;
  expect(id).toBe("returns");
  const document = await read(client.v1.documents[":document"].$get({ param: { document: "hours" }, query: {} }));
  expect(document.passages[0]?.content).toContain("nine to five");
  // @ts-expect-error: the route has no such field
  const wrong = read(client.v1.query.$post({ json: { query: "x", topk: 3 } }));
  await expect(wrong).rejects.toMatchObject({
    name: "CairnError",
    code: "invalid_input",
    status: 400,
    problem: { path: "topk" },
  });
  const missing = read(client.v1.documents[":document"].$get({ param: { document: "none" }, query: {} }));
  await expect(missing).rejects.toBeInstanceOf(CairnError);
  const withWrongKey = createClient({ url, key: "cairn_none" });
  await expect(read(withWrongKey.v1.collections.$get({ query: {} }))).rejects.toMatchObject({
    code: "unauthorized",
  });
});

test("documents are changed, counted and read by id with their vectors, all typed", async () => {
  const header = {};
  await read(client.v1.collections.$post({ header, json: { name: "typed", dimensions: 2, embedding_model: null } }));
  const documents = [
    { id: "a", content: "a", embedding: [0.1, 0.2], metadata: { price: 1, draft: true } },
    { id: "b", content: "b", embedding: [1, 0] },
  ];
  await read(client.v1.documents.$post({ header, json: { collection: "typed", documents } }));
  const changes = { metadata: { price: 2n ** 64n, draft: null } };
  const address = { param: { document: "a" }, query: { collection: "typed" } };
  await read(client.v1.documents[":document"].$patch({ header, ...address, json: changes }));
  const update = {
    collection: "typed",
    documents: [
      { id: "b", uri: "x://b" },
      { id: "c", uri: null },
    ],
  };
  const { updated, missing } = await read(client.v1.documents.update.$post({ header, json: update }));
  expect([updated, missing]).toEqual([1, ["c"]]);
  const filter = { price: 2n ** 64n };
  const count: { documents: number; passages: number } = await read(
    client.v1.documents.count.$post({ json: { collection: "typed", filter } }),
  );
  expect(count).toEqual({ documents: 1, passages: 1 });
  const get = { collection: "typed", ids: ["b", "a"], include: ["embedding" as const] };
  const found = await read(client.v1.documents.get.$post({ json: get }));
  const vectors: (readonly number[] | null | undefined)[] = found.documents.map(
    ({ passages }) => passages[0]?.embedding,
  );
  expect(vectors).toEqual([
    [1, 0],
    [0.1, 0.2],
  ]);
  expect(found.documents.map(({ metadata, uri }) => [metadata, uri])).toEqual([
    [{}, "x://b"],
    [{ price: 2n ** 64n }, null],
  ]);
});

test("a response of another server is reported as such", async () => {
  const proxy = createClient({
    url,
    key: "k",
    fetch: async () => new Response("<html>Bad gateway</html>", { status: 502 }),
  });
  await expect(read(proxy.v1.collections.$get({ query: {} }))).rejects.toMatchObject({
    status: 502,
    message: expect.stringContaining("no problem description"),
  });
});

test("integers beyond 2^53 are exact in both directions, and strings for libraries that serialize JSON", async () => {
  const large = 12345678901234567890n;
  const metadata = { n: large, list: [1, -large], ["__proto__"]: { deep: large } };
  const json = { collection: "exact", documents: [{ id: "a", content: "a spoon", metadata }] };
  await read(client.v1.collections.$post({ header: {}, json: { name: "exact" } }));
  await read(client.v1.documents.$post({ header: {}, json }));
  const param = { document: "a" };
  const query = { collection: "exact" };
  const stored = await read(client.v1.documents[":document"].$get({ param, query }));
  expect(stored.metadata).toEqual(metadata);
  const where = { query: "spoon", collection: "exact", filter: { n: large } };
  expect((await read(client.v1.query.$post({ json: where }))).hits).toMatchObject([{ id: "a", metadata }]);
  const next = { ...where, filter: { n: large + 1n } };
  expect((await read(client.v1.query.$post({ json: next }))).hits).toEqual([]);
  const [document] = await new CairnRetriever({ client, collection: "exact" }).invoke("spoon");
  expect(document?.metadata).toMatchObject({ n: String(large), list: [1, String(-large)] });
  const execute = cairnSearch(client, { collection: "exact" }).execute as (input: object) => Promise<unknown>;
  expect(JSON.stringify(await execute({ query: "spoon" }))).toContain(`"n":"${large}"`);
});

test("a response or problem above its size limit is not read to the end", async () => {
  let sent = 0;
  const endless = (status: number) =>
    createClient({
      url,
      key: "k",
      fetch: async () =>
        new Response(
          new ReadableStream({
            pull(stream) {
              sent += 65_536;
              stream.enqueue(new Uint8Array(65_536).fill(0x20));
            },
          }),
          { status },
        ),
    });
  const answer = read(endless(200).v1.collections.$get({ query: {} }), { maxBytes: 1_000_000 });
  await expect(answer).rejects.toMatchObject({ code: "response_too_large", message: /1000000 bytes/ });
  await expect(read(endless(502).v1.collections.$get({ query: {} }))).rejects.toMatchObject({
    code: "internal_error",
  });
  expect(sent).toBeLessThan(3_000_000);
});

test("LangChain's retriever returns passages as documents with their metadata", async () => {
  const documents = await new CairnRetriever({ client, topK: 2 }).invoke("return a kettle");
  expect(documents[0]).toMatchObject({
    id: "returns",
    pageContent: "You may return a kettle within 30 days.",
    metadata: { topic: "returns", source: "https://x/r", chunk: 0, score: expect.any(Number) },
  });
  const filtered = await new CairnRetriever({ client, filter: { topic: "hours" } }).invoke("return a kettle");
  expect(filtered.map(({ id }) => id)).toEqual(["hours"]);
});

test("the AI SDK's generateText calls the tool and receives its results", async () => {
  const usage = {
    inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 1, text: 1, reasoning: 0 },
  };
  let step = 0;
  const model = new MockLanguageModelV3({
    doGenerate: (async () => {
      step++;
      if (step === 1)
        return {
          content: [
            {
              type: "tool-call",
              toolCallId: "1",
              toolName: "search",
              input: '{"query":"open nine to five"}',
            },
          ],
          finishReason: { unified: "tool-calls", raw: undefined },
          usage,
          warnings: [],
        };
      return {
        content: [{ type: "text", text: "From nine to five." }],
        finishReason: { unified: "stop", raw: undefined },
        usage,
        warnings: [],
      };
    }) as never,
  });
  const { text, steps } = await generateText({
    model,
    tools: { search: cairnSearch(client, { topK: 1 }) },
    stopWhen: stepCountIs(3),
    prompt: "When are you open?",
  });
  expect(text).toBe("From nine to five.");
  expect(steps[0]?.toolResults[0]?.output).toMatchObject({
    notice: expect.stringContaining("data"),
    results: [{ id: "hours" }],
  });
  expect(JSON.stringify(model.doGenerateCalls[1]?.prompt)).toContain("open from nine to five");
});
