import { expect, onTestFinished, test, vi } from "vitest";
import { createEmf } from "./emf.ts";

test("chat requests have metrics for the chat model's tokens, other requests do not", () => {
  const written = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  onTestFinished(() => written.mockRestore());
  const observe = createEmf();
  const request = { request_id: "request-1", tenant: null, method: "POST", status: 200, ms: 12 };
  observe({ ...request, route: "/v1/chat", tokens: 5, input_tokens: 300, output_tokens: 40, rows: 8 });
  observe({ ...request, route: "/v1/query", tokens: 5, rows: 8 });
  const [chat, query] = written.mock.calls.map(([line]) => JSON.parse(String(line)));
  expect(chat).toMatchObject({ route: "/v1/chat", tokens: 5, input_tokens: 300, output_tokens: 40 });
  expect(chat._aws.CloudWatchMetrics[0].Metrics).toEqual(
    expect.arrayContaining([
      { Name: "input_tokens", Unit: "Count" },
      { Name: "output_tokens", Unit: "Count" },
    ]),
  );
  expect(JSON.stringify(query)).not.toMatch(/input_tokens|output_tokens|rerank/);
});

test("searches with a rerank model have metrics for its tokens and its failures", () => {
  const written = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  onTestFinished(() => written.mockRestore());
  const observe = createEmf();
  const request = { request_id: "request-1", tenant: null, method: "POST", route: "/v1/query", status: 200, ms: 12 };
  observe({ ...request, tokens: 5, rows: 8, reranks: 1, rerank_tokens: 700 });
  observe({ ...request, tokens: 5, rows: 8, rerank_failures: 1 });
  const [applied, failed] = written.mock.calls.map(([line]) => JSON.parse(String(line)));
  expect(applied).toMatchObject({ rerank_tokens: 700 });
  expect(failed).toMatchObject({ rerank_failures: 1 });
  expect(failed).not.toHaveProperty("rerank_tokens");
});
