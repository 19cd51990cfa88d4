import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createReranker } from "@cairn/core/rerank/create-reranker.ts";
import { beforeAll, expect, test } from "vitest";
import { serveTestApi, useTestApi } from "./support/api.ts";
import { useCairnCli } from "./support/cairn-cli.ts";
import { useServer, useTestDatabase } from "./support/fixture.ts";
import { startRerankApi } from "./support/rerank-api.ts";

// `cairn query --rerank … --expand …`, with a database and with a service.

const KEY = "key-9b1f3c";
const server = useServer(() => startRerankApi({ dialect: "jina", score: (_, passage) => passage.length / 1_000 }));
const cli = useCairnCli();
const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => ({
  reranker: createReranker({ format: "jina", url: server.url, model: "ranker" }),
}));
const service = useServer(() => serveTestApi(api));
let remote: readonly string[];

const sentence = (n: number) =>
  `The manual has fact number ${n}, which is about a kettle${" of copper".repeat(n % 3)}.`;
const DOCUMENT = { id: "manual", content: [0, 1, 2, 3, 4].map(sentence).join("\n\n") };

beforeAll(async () => {
  await writeFile(join(cli.folder, "manual.jsonl"), JSON.stringify(DOCUMENT));
  await cli.run(["db", "migrate"]);
  await cli.run(["tenants", "create", "acme"]);
  expect((await cli.run(["ingest", "manual.jsonl", "--max-tokens", "24", "--overlap", "0"])).code).toBe(0);
  const { key } = await api.addTenant();
  const body = { documents: [DOCUMENT], max_tokens: 24, overlap: 0 };
  await api.call("POST", "/v1/documents", { key, body });
  remote = ["--url", service.url, "--key", key];
});

const environment = () => ({ CAIRN_RERANK_FORMAT: "jina", CAIRN_RERANK_URL: server.url, CAIRN_RERANK_API_KEY: KEY });

const query = (args: readonly string[], env: NodeJS.ProcessEnv = environment()) =>
  cli.run(["query", "kettle", "--mode", "keyword", "--top-k", "1", ...args], { env });

test("--rerank orders the hits by the configured model, of a database and of a service", async () => {
  const local = await query(["--rerank", "5", "--rerank-model", "local-ranker", "--json"]);
  const { hits, rerank } = JSON.parse(local.out);
  expect(hits[0]).toMatchObject({ id: "manual", chunk: 2 });
  expect(rerank).toMatchObject({ applied: true, model: "local-ranker", passages: 5 });
  expect(server.requests.at(-1)).toMatchObject({ model: "local-ranker", authorization: `Bearer ${KEY}` });
  const text = await cli.run([...remote, "query", "kettle", "--mode", "keyword", "--top-k", "1", "--rerank", "5"]);
  expect(text.out).toMatch(/^1\. manual \(passage 3\) {2}.*rerank score 0\.\d{3}/);
  expect(server.requests.at(-1)?.model).toBe("ranker");
});

test("--expand returns the text around a hit, of a database and of a service", async () => {
  for (const place of [[], remote]) {
    const args = ["query", "fact number 1", "--mode", "keyword", "--top-k", "1", "--expand"];
    const { out } = await cli.run([...place, ...args, "0,1"]);
    expect(out).toContain("(passages 2 to 3)");
    expect(out).toContain(sentence(2).slice(0, 25));
    const section = await cli.run([...place, ...args, "section", "--json"]);
    expect(JSON.parse(section.out).hits[0].content).toBe(DOCUMENT.content);
  }
});

test("a server that fails is reported, and the hits are those of the search", async () => {
  const plain = await query([]);
  server.script({ kind: "status", status: 401, message: `bad key ${KEY}` });
  const failed = await query(["--rerank", "5", "--rerank-model", "m"]);
  expect(failed).toMatchObject({ code: 0, out: plain.out });
  expect(failed.err).toContain("The hits are in the order of the search.");
  expect(failed.err).toContain("401");
  expect(failed.err).not.toContain(KEY);
});

test("a configuration that cannot be used is refused with the name of the setting", async () => {
  const cases = [
    [{ CAIRN_RERANK_FORMAT: "other" }, /CAIRN_RERANK_FORMAT.*cohere, jina, voyage, tei/],
    [{ CAIRN_RERANK_FORMAT: "tei", CAIRN_RERANK_URL: "" }, /CAIRN_RERANK_URL/],
    [{ CAIRN_RERANK_FORMAT: "", CAIRN_RERANK_API_KEY: KEY }, /CAIRN_RERANK_FORMAT is not set/],
    [{ CAIRN_RERANK_FORMAT: "voyage", CAIRN_RERANK_MODEL: "m" }, /CAIRN_RERANK_FORMAT/], // the server speaks Jina's
    [{ CAIRN_RERANK_MODEL: "" }, /CAIRN_RERANK_MODEL/],
  ] as const;
  for (const [env, message] of cases) {
    const { code, err } = await query(["--rerank", "5"], { ...environment(), ...env });
    expect(code, JSON.stringify(env)).not.toBe(0);
    expect(err).toMatch(message);
    expect(err).not.toContain(KEY);
  }
});

test.each(["21", "1,21", "sections", "1,2,3", ""])("--expand %j is refused", async (value) => {
  expect(await query(["--expand", value])).toMatchObject({ code: 2, err: expect.stringContaining("--expand must be") });
});
