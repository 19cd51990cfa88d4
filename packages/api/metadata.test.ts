import { beforeAll, expect, test } from "vitest";
import { useTestApi } from "../../test/support/api.ts";
import { useTestDatabase } from "../../test/support/fixture.ts";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase);
let key: string;
beforeAll(async () => {
  ({ key } = await api.addTenant());
});

/** Sends raw JSON, because JavaScript cannot serialize `1e400`. */
const send = (method: string, path: string, raw: string) =>
  api.call(method, path, { key, raw, headers: { "Content-Type": "application/json" } });

const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;

const BAD = [
  ['{"size": 1e400}', /metadata\.size is 1e400/],
  ['{"a": [0, {"b": -1e-400}]}', /metadata\.a\[1\]\.b is -1e-400/],
  [`{"a": ${nested(70)}}`, /deeper than 64/],
  [`{"a": "${"x".repeat(70_000)}"}`, /limit of 65,536/],
  [`{"${"k".repeat(2_000)}": 1}`, /2000 characters/],
] as const;

/** Keys are in the order of jsonb: shorter ones first. */
const GOOD = [
  '{"n":12345678901234567890}',
  '{"__proto__":{"polluted":true},"constructor":1}',
  '{"":null,"\\u0000":"\\u0000 \\ud800"}',
  `{"a":${nested(62)}}`,
];

test("documents with metadata that cannot be stored are in `failed` with the reason, and the others are written", async () => {
  const documents = [...BAD.map(([metadata]) => metadata), ...GOOD].map(
    (metadata, n) => `{"id": "${n}", "content": "kettle", "metadata": ${metadata}}`,
  );
  const { status, body } = await send("POST", "/v1/documents", `{"documents": [${documents.join()}]}`);
  expect(status).toBe(200);
  expect(body.failed).toEqual(
    BAD.map(([, message], n) => ({
      id: String(n),
      code: "invalid_input",
      message: expect.stringMatching(message),
    })),
  );
  expect(body.ids).toEqual(GOOD.map((_, n) => String(BAD.length + n)));
  for (const [n, metadata] of GOOD.entries()) {
    const { text } = await api.call("GET", `/v1/documents/${BAD.length + n}`, { key });
    expect(text).toContain(`"metadata":${metadata}`);
  }
});

test("creating or changing a collection with such metadata is answered 400 with the path", async () => {
  await send("POST", "/v1/collections", '{"name": "whole"}');
  for (const [metadata, message] of BAD)
    for (const [method, path] of [
      ["POST", "/v1/collections"],
      ["PATCH", "/v1/collections/whole"],
    ] as const) {
      const refused = await send(method, path, `{"name": "whole", "metadata": ${metadata}}`);
      expect(refused, `${method} ${metadata.slice(0, 40)}`).toMatchObject({
        status: 400,
        body: { code: "invalid_input", path: expect.stringMatching(/^metadata/) },
      });
      expect(refused.body.detail).toMatch(message);
    }
});

test("a filter with a number outside the range of a double is refused", async () => {
  for (const number of ["1e400", "-1e400", "1e-400"]) {
    const refused = await send("POST", "/v1/query", `{"query": "x", "filter": {"n": {"$lt": ${number}}}}`);
    expect(refused, number).toMatchObject({ status: 400, body: { code: "invalid_filter" } });
  }
});
