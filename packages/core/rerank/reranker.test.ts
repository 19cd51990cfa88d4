import { expect, test } from "vitest";
import { useServer } from "../../../test/support/fixture.ts";
import { type RerankApi, type RerankFault, startRerankApi } from "../../../test/support/rerank-api.ts";
import type { AppError } from "../error.ts";
import { createReranker } from "./create-reranker.ts";
import type { RerankerOptions } from "./rerank-options.ts";
import { RERANK_FORMATS, type RerankFormat } from "./reranker.ts";

const servers: Readonly<Record<RerankFormat, RerankApi>> = {
  cohere: useServer(() => startRerankApi({ dialect: "cohere" })),
  jina: useServer(() => startRerankApi({ dialect: "jina" })),
  voyage: useServer(() => startRerankApi({ dialect: "voyage" })),
  tei: useServer(() => startRerankApi({ dialect: "tei" })),
};
const { cohere } = servers;

const PASSAGES = ["The shop opens at nine.", "You may return a kettle.", "A kettle is red."];

function connect(format: RerankFormat, options: Partial<RerankerOptions> = {}) {
  const { url } = servers[format];
  const reranker = createReranker({ format, url, apiKey: "key-9b1f3c", model: "ranker", backoff: 1, ...options });
  return (passages: readonly string[] = PASSAGES, { query = "return kettle", ms = 20_000, tenantId = "a" } = {}) =>
    reranker.rerank({ tenantId, model: "ranker", query, passages, deadline: performance.now() + ms });
}

const failureOf = (scores: Promise<unknown>): Promise<AppError> =>
  scores.then(
    () => expect.fail(),
    (error) => error,
  );

test.each(RERANK_FORMATS)("reads the scores of %s in the order of the passages", async (format) => {
  expect(await connect(format)()).toEqual([0, 1, 0.5]);
  const request = servers[format].requests.at(-1);
  expect(request).toMatchObject({ query: "return kettle", passages: PASSAGES, authorization: "Bearer key-9b1f3c" });
  expect(request?.model).toBe(format === "tei" ? undefined : "ranker");
});

test("sends more passages than TEI takes in a request in several, and keeps their order", async () => {
  const passages = Array.from({ length: 70 }, (_, n) => (n % 7 === 0 ? "return kettle" : `kettle ${n}`));
  const sent = servers.tei.requests.length;
  const scores = await connect("tei")(passages);
  expect(scores).toEqual(passages.map((_, n) => (n % 7 === 0 ? 1 : 0.5)));
  expect(servers.tei.requests.slice(sent).map((request) => request.passages.length)).toEqual([32, 32, 6]);
});

test("sends half a surrogate pair as a replacement character", async () => {
  await connect("cohere")(["kettle \ud83d"]);
  expect(cohere.requests.at(-1)?.passages).toEqual(["kettle \ufffd"]);
});

const others = RERANK_FORMATS.flatMap((format) =>
  RERANK_FORMATS.filter((server) => server !== format).map((server) => [format, server] as const),
).filter(
  ([format, server]) => !(format === "cohere" && server === "jina") && !(format === "jina" && server === "cohere"),
);

test.each(others)("a server that is set to %s and speaks %s fails and names the setting", async (format, server) => {
  const names = { format: "CAIRN_RERANK_FORMAT", url: "CAIRN_RERANK_URL", model: "CAIRN_RERANK_MODEL" };
  const error = await failureOf(connect(format, { url: servers[server].url, names })());
  expect(error).toMatchObject({ code: "rerank_misconfigured" });
  expect(error.message).toContain("CAIRN_RERANK_FORMAT");
  expect(error.message).not.toMatch(/kettle|key-9b1f3c/);
});

test.each(others)("a response to %s in the format %s names the format to set", async (format, server) => {
  const bodies = {
    cohere: { results: [{ index: 0, relevance_score: 1 }] },
    jina: { results: [{ index: 0, relevance_score: 1 }] },
    voyage: { data: [{ index: 0, relevance_score: 1 }] },
    tei: [{ index: 0, score: 1 }],
  };
  servers[format].script({ kind: "body", body: bodies[server] });
  const error = await failureOf(connect(format)());
  expect(error).toMatchObject({ code: "rerank_misconfigured" });
  expect(error.message).toMatch(new RegExp(`not in the format ${format}.*Set format to .*${server}`));
});

test("a server that has answered before and then sends another shape counts as failed", async () => {
  const rerank = connect("cohere");
  await rerank();
  cohere.always({ kind: "body", body: { data: [] } });
  expect(await failureOf(rerank())).toMatchObject({ code: "rerank_failed", reason: "failed" });
  cohere.always({ kind: "status", status: 400, message: "query is too long" });
  expect(await failureOf(rerank())).toMatchObject({ code: "rerank_failed", reason: "failed" });
  cohere.always(null);
});

const change = (kind: (results: readonly { index: number; score: number }[]) => readonly object[]): RerankFault => ({
  kind: "results",
  change: kind,
});

test.each<readonly [string, RerankFault]>([
  ["a connection that is cut", { kind: "drop" }],
  ["half of the JSON", { kind: "half_json" }],
  ["500", { kind: "status", status: 500 }],
  ["529", { kind: "status", status: 529 }],
  ["429", { kind: "status", status: 429, retryAfter: "0" }],
  ["an error with status 200", { kind: "body", body: { error: "overloaded" } }],
  ["an index that occurs twice", change((results) => results.map((result) => ({ ...result, index: 0 })))],
  ["an index out of range", change((results) => results.map((result) => ({ ...result, index: result.index + 1 })))],
  ["a negative index", change((results) => results.map((result) => ({ ...result, index: result.index - 1 })))],
  ["an index that is text", change((results) => results.map((result) => ({ ...result, index: String(result.index) })))],
  ["a score that is no number", change((results) => results.map(({ index }) => ({ index, score: "high" })))],
  ["no results", change(() => [])],
])("retries after %s, and fails if it happens again", async (_, fault) => {
  const rerank = connect("cohere");
  cohere.script(fault);
  expect(await rerank()).toEqual([0, 1, 0.5]);
  cohere.script(fault, fault);
  const error = await failureOf(rerank());
  expect(error).toMatchObject({ code: "rerank_failed", reason: "failed" });
  expect(error.message).not.toMatch(/kettle/);
});

test("a passage without a result has no score", async () => {
  cohere.script(change((results) => results.filter(({ index }) => index !== 1)));
  expect(await connect("cohere")()).toEqual([0, undefined, 0.5]);
});

test("a wrong key fails without a retry, and the message names neither key nor text", async () => {
  const sent = cohere.requests.length;
  cohere.script({ kind: "status", status: 401, message: "invalid token key-9b1f3c for You may return a kettle." });
  const error = await failureOf(connect("cohere")());
  expect(error).toMatchObject({ code: "rerank_failed", reason: "failed" });
  expect(error.message).toMatch(/answered 401.*Check the API key/);
  expect(error.message).not.toMatch(/key-9b1f3c|kettle/);
  expect(cohere.requests.length).toBe(sent + 1);
});

test("a used-up quota is reported as such", async () => {
  cohere.script({ kind: "status", status: 402, message: "payment required" });
  expect(await failureOf(connect("cohere")())).toMatchObject({ reason: "quota" });
});

test("a server that hangs is given up at the deadline", async () => {
  cohere.script({ kind: "hang" });
  const startedAt = performance.now();
  expect(await failureOf(connect("cohere")(PASSAGES, { ms: 100 }))).toMatchObject({ reason: "timeout" });
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(99);
  await expect.poll(() => cohere.running()).toBe(0); // the connection is not left open
});

test("a wait that the server requests beyond the deadline is not started", async () => {
  cohere.script({ kind: "status", status: 429, retryAfter: "60" });
  const error = await failureOf(connect("cohere")(PASSAGES, { ms: 5_000 }));
  expect(error).toMatchObject({ reason: "failed" });
  expect(error.message).toContain("has to wait 60 s");
});

test("a tenant whose calls hang delays only its own", async () => {
  const rerank = connect("cohere", { tenantConcurrency: 2 });
  cohere.script({ kind: "hang" }, { kind: "hang" });
  const hanging = [1, 2].map(() => failureOf(rerank(PASSAGES, { tenantId: "slow", ms: 1_500 })));
  await expect.poll(() => cohere.running()).toBe(2);
  const waiting = failureOf(rerank(PASSAGES, { tenantId: "slow", ms: 200 }));
  expect(await rerank(PASSAGES, { tenantId: "other", ms: 20_000 })).toEqual([0, 1, 0.5]);
  expect(await waiting).toMatchObject({ reason: "busy" });
  for (const error of await Promise.all(hanging)) expect(error).toMatchObject({ reason: "timeout" });
  expect(await rerank(PASSAGES, { tenantId: "slow" })).toEqual([0, 1, 0.5]);
});

test("tei without an address is refused with the name of the setting", () => {
  expect(() => createReranker({ format: "tei" })).toThrow(/needs an address. Set url/);
});
