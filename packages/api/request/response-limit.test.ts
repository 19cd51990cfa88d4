import { expect, test } from "vitest";
import { createTestApi } from "../../../test/support/api.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";

const testDatabase = useTestDatabase();

test("a page of collections ends early, and all pages together are complete", async () => {
  const { call, ...api } = await createTestApi(testDatabase.database, { maxResponse: 50_000 });
  const { key } = await api.addTenant();
  const ask = (method: string, path: string, body?: object) => call(method, path, { body, key });
  const names = ["a", "b", "c&d", "d", "e"];
  for (const name of names)
    await ask("POST", "/v1/collections", {
      name,
      metadata: { text: "x".repeat(name === "d" ? 60_000 : 20_000) },
    });
  const pages: string[][] = [];
  for (let query = ""; ; ) {
    const { status, body } = await ask("GET", `/v1/collections${query}`);
    expect(status).toBe(200);
    pages.push(body.collections.map(({ name }: { name: string }) => name));
    if (body.next === null) break;
    query = `?after=${encodeURIComponent(body.next)}`;
  }
  expect(pages).toEqual([["a", "b"], ["c&d"], ["d"], ["e"]]);
  const { body } = await ask("GET", "/v1/collections?limit=1&after=a");
  expect([body.collections.map(({ name }: { name: string }) => name), body.next]).toEqual([["b"], "b"]);
});

test("a response respects its size limit: a list ends early, a search and a document are answered 413", async () => {
  const { call, ...api } = await createTestApi(testDatabase.database, { maxResponse: 50_000 });
  const { key } = await api.addTenant();
  const ask = (method: string, path: string, body?: object) => call(method, path, { body, key });
  const text = "kettle ".repeat(2_500);
  const documents = ["a", "b", "c", "d", "e"].map((id) => ({ id, content: text, embedding: [1, 0, 0] }));
  await ask("POST", "/v1/collections", { name: "large", dimensions: 3 });
  expect((await ask("POST", "/v1/documents", { collection: "large", documents })).status).toBe(200);
  const seen: string[] = [];
  for (let after = ""; ; ) {
    const page = await ask("GET", `/v1/documents?collection=large${after && `&after=${after}`}`);
    expect(page.status).toBe(200);
    expect(JSON.stringify(page.body).length).toBeLessThan(55_000);
    seen.push(...page.body.documents.map(({ id }: { id: string }) => id));
    if (page.body.next === null) break;
    after = page.body.next;
  }
  expect(seen).toEqual(["a", "b", "c", "d", "e"]);

  const query = { collection: "large", query_embedding: [1, 0, 0] };
  const refused = await ask("POST", "/v1/query", query);
  expect(refused).toMatchObject({ status: 413, body: { code: "response_too_large" } });
  expect(refused.body.detail).toMatch(/top_k/);
  expect((await ask("POST", "/v1/query", { ...query, top_k: 2 })).body.hits).toHaveLength(2);
  const withoutFields = await ask("POST", "/v1/query", { ...query, include: [] });
  expect(withoutFields.body.hits).toHaveLength(5);
  expect(Object.keys(withoutFields.body.hits[0]).sort()).toEqual(["chunk", "distance", "id", "score"]);

  const ids = ["a", "b", "c"];
  const many = await ask("POST", "/v1/documents/get", { collection: "large", ids });
  expect(many).toMatchObject({ status: 413, body: { code: "response_too_large" } });
  expect(many.body.detail).toMatch(/^2 documents and "c" .*fewer ids/);
  const two = await ask("POST", "/v1/documents/get", { collection: "large", ids: ids.slice(1) });
  expect(two.body.documents).toHaveLength(2);

  const tooLarge = { id: "whole", content: "kettle ".repeat(10_000), embedding: [1, 0, 0] };
  await ask("POST", "/v1/documents", { collection: "large", documents: [tooLarge] });
  expect(await ask("GET", "/v1/documents/whole?collection=large")).toMatchObject({
    status: 413,
    body: { code: "response_too_large", detail: expect.stringContaining("first_passage") },
  });
});

test("vectors count towards the size of a response", async () => {
  const { call, ...api } = await createTestApi(testDatabase.database, { maxResponse: 50_000 });
  const { key } = await api.addTenant();
  const ask = (method: string, path: string, body?: object) => call(method, path, { body, key });
  await ask("POST", "/v1/collections", { name: "wide", dimensions: 1_000 });
  const embedding = Array.from({ length: 1_000 }, (_, n) => Math.sin(n));
  const documents = Array.from({ length: 10 }, (_, n) => ({ id: `d${n}`, content: "kettle", embedding }));
  await ask("POST", "/v1/documents", { collection: "wide", documents });

  const page = await ask("GET", "/v1/documents?collection=wide&include=embedding");
  expect(page.body.documents).toHaveLength(4);
  expect(page.text.length).toBeLessThan(60_000);
  expect((await ask("GET", "/v1/documents?collection=wide")).body.documents).toHaveLength(10);

  const query = { collection: "wide", query_embedding: embedding };
  for (const queries of [
    query,
    { collection: "wide", queries: [query, query].map(({ query_embedding }) => ({ query_embedding })), top_k: 3 },
  ])
    expect(await ask("POST", "/v1/query", { ...queries, include: ["embedding"] })).toMatchObject({
      status: 413,
      body: { code: "response_too_large", detail: expect.stringContaining("include fewer fields") },
    });
  expect((await ask("POST", "/v1/query", { ...query, include: ["embedding"], top_k: 4 })).body.hits).toHaveLength(4);
  expect((await ask("POST", "/v1/query", query)).body.hits).toHaveLength(10);
});
