import { describe, expect, test, vi } from "vitest";
import { idsOf, useRoutes } from "../../../test/support/routes.ts";

// The effect of each request field, as a caller sees it.

const { call, missing } = useRoutes();

describe("a job", () => {
  const waitForEnd = (id: string) =>
    vi.waitFor(
      async () => {
        const { body } = await call("GET", `/v1/jobs/${id}`);
        expect(body.status).not.toBe("in_progress");
        return body;
      },
      { timeout: 30_000, interval: 50 },
    );

  test("writes documents into the named collection with the requested chunking, and is watched and listed", async () => {
    await call("POST", "/v1/collections", { name: "bulk" });
    const content = Array.from({ length: 200 }, (_, n) => `word${n}`).join(" ");
    const documents = [{ id: "long", content, metadata: { topic: "long" } }, { content: "without an id" }];
    const write = async (sizes: object) => {
      const accepted = await call("POST", "/v1/documents/bulk", { collection: "bulk", documents, ...sizes });
      expect(accepted.status).toBe(202);
      return waitForEnd(accepted.body.id);
    };
    const withoutOverlap = await write({ max_tokens: 32, overlap: 0 });
    expect(withoutOverlap).toMatchObject({
      status: "completed",
      result: { collection: "bulk", documents: 2 },
    });
    const overlapping = await write({ max_tokens: 32, overlap: 16 });
    expect(overlapping.result.passages).toBeGreaterThan(withoutOverlap.result.passages * 1.5);
    const { body } = await call("GET", "/v1/documents/long?collection=bulk");
    expect([body.metadata, body.passages.length]).toEqual([{ topic: "long" }, overlapping.result.passages - 1]);
    expect((await call("GET", `/v1/jobs/${withoutOverlap.id}/events`)).text).toContain('"status":"completed"');
    expect(idsOf((await call("GET", "/v1/jobs?limit=1")).body.jobs)).toEqual([overlapping.id]);
    expect((await call("POST", `/v1/jobs/${withoutOverlap.id}/cancel`)).body).toEqual(withoutOverlap); // the job has ended
  });

  test("indexes one collection, or embeds it again with the named model", async () => {
    for (const name of ["grown", "left"]) {
      await call("POST", "/v1/collections", { name, index: { threshold: 2 } });
      await call("POST", "/v1/documents", {
        collection: name,
        documents: [{ content: "a" }, { content: "b" }],
      });
    }
    const reindex = async (body: object) => waitForEnd((await call("POST", "/v1/reindex", body)).body.id);
    const { result } = await reindex({ collection: "grown" });
    expect(new Set(result.done.map(({ collection }: Record<string, string>) => collection))).toEqual(
      new Set(["grown"]),
    );
    const model = "openai/text-embedding-3-small";
    const changed = await reindex({ collection: "left", model });
    expect(changed.result).toMatchObject({ collection: "left", passages: 2 });
    expect((await call("GET", "/v1/collections/left")).body).toMatchObject({ embedding_model: model });
  });
});

test("the tests above cover every described operation and field", () => {
  expect(missing("jobs")).toEqual([]);
});
