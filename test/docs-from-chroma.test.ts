import { readFile } from "node:fs/promises";
import { beforeAll, expect, test } from "vitest";
import { useTestApi } from "./support/api.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { readDescription } from "./support/openapi.ts";

// The page that has a request for each call of Chroma's clients.

const api = useTestApi(useTestDatabase());
let page: string;
beforeAll(async () => {
  page = await readFile(new URL("../docs/from-chroma.md", import.meta.url), "utf8");
});

test("every request of docs/from-chroma.md is one of the API, with its parameters", async () => {
  const { operations } = await readDescription(api);
  const requests = [...page.matchAll(/`(GET|POST|PATCH|PUT|DELETE) (\/[^`?]*)(\?[^`]*)?`/g)];
  expect(requests.length).toBeGreaterThan(25);
  for (const [text, method, path = "", query = ""] of requests) {
    if (path === "/openapi.json") continue;
    const pattern = path.replace(/\{[^}]+\}/g, "{}");
    const operation = operations.find((one) => one.method === method && one.path.replace(/\{\w+\}/g, "{}") === pattern);
    expect(operation, text).toBeDefined();
    const described = operation?.parameters.map(({ name }) => name);
    for (const name of new URLSearchParams(query).keys()) expect(described, text).toContain(name);
  }
});

test("the requests of its example find the document", async () => {
  const { key } = await api.addTenant();
  const example = page.slice(page.indexOf("## An example"));
  const requests = [...example.matchAll(/\| `POST (\S+)` \| `(.*)` \|/g)];
  const answers: unknown[] = [];
  for (const [, path = "", raw] of requests) answers.push((await api.call("POST", path, { key, raw })).body);
  const metadata = { topic: "returns", reviewed: true };
  expect(answers).toMatchObject([
    { ids: ["returns"], failed: [] },
    { updated: 1, missing: [] },
    { documents: [{ id: "returns", metadata }], missing: [] },
    { hits: [{ id: "returns", metadata }] },
    { documents: 1, passages: 1 },
  ]);
});
