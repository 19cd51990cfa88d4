import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { serveTestApi, useTestApi } from "../../test/support/api.ts";
import { useServer, useTestDatabase } from "../../test/support/fixture.ts";
import { CairnError, type Client, createClient, read } from "./client.ts";

// Names and ids of callers in request URLs.

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase);
const server = useServer(() => serveTestApi(api));
let client: Client;
let requests = 0;
beforeAll(async () => {
  client = createClient({
    url: server.url,
    key: (await api.addTenant()).key,
    fetch: (...request) => {
      requests++;
      return fetch(...request);
    },
  });
});

const parts = fc.constantFrom(
  ...["/", "../", "..", ".", "\\", "?", "#", "%", "%20", "%2e%2e", "%2F", ":document", ":key", "delete"],
);
const odd = fc.constantFrom("\0", "\t", "\n", " ", "$&", "\uD800", "é", "日", "😀");
const known = ["../collections/knowledge", "..", "a/../b", ".\t./b", "a/b", "q?x=1", "p%20c", "#", "a b+c;d&e=f"];
const anyId = fc
  .oneof(
    parts,
    fc.array(fc.oneof(parts, odd, fc.string({ maxLength: 3 })), { minLength: 1 }).map((all) => all.join("")),
    fc.string({ unit: "binary" }),
  )
  .filter((id) => id !== "");

/** Whether a URL can hold the id, and keeps its path even if a proxy decodes it. */
function isAddressable(id: string) {
  const hasParentSegment = id
    .replaceAll(/[\p{Cc} ]/gu, "")
    .replaceAll(/%2e/gi, ".")
    .split(/[/\\]/)
    .some((part) => part.split(/[?#]/)[0] === "..");
  return id.isWellFormed() && id !== "." && !hasParentSegment;
}

const document = (id: string) => ({ param: { document: id }, query: {}, header: {} });

test("a document with any id is written, read, changed and deleted over a socket, or refused before a request is sent", async () => {
  const write = (id: string) =>
    read(client.v1.documents.$post({ header: {}, json: { documents: [{ id, content: "kettle" }] } }));
  const route = client.v1.documents[":document"];
  await write("bystander");
  const property = fc.asyncProperty(anyId, async (id) => {
    fc.pre(id !== "bystander");
    expect(await write(id)).toMatchObject({ ids: [id], failed: [] });
    if (isAddressable(id)) {
      expect((await read(route.$get(document(id)))).id).toBe(id);
      expect(await read(route.$patch({ ...document(id), json: { uri: "x://new" } }))).toBeUndefined();
      expect(await read(route.$delete(document(id)))).toBeUndefined();
      await expect(read(route.$get(document(id)))).rejects.toMatchObject({ code: "not_found" });
    } else {
      const before = requests;
      for (const request of [route.$get(document(id)), route.$delete(document(id))])
        await expect(read<unknown>(request)).rejects.toMatchObject({
          name: "CairnError",
          code: "invalid_input",
          problem: { path: "document" },
          message: expect.stringContaining("POST /v1/documents/delete"),
        });
      expect(requests).toBe(before);
      const updates = { documents: [{ id, metadata: { seen: true } }] };
      expect(await read(client.v1.documents.update.$post({ header: {}, json: updates }))).toMatchObject({ updated: 1 });
      const found = await read(client.v1.documents.get.$post({ json: { ids: [id] } }));
      expect(found).toMatchObject({ documents: [{ id, metadata: { seen: true } }], missing: [] });
      const deleted = client.v1.documents.delete.$post({ header: {}, json: { ids: [id] } });
      expect(await read(deleted)).toEqual({ deleted: 1 });
    }
    const { documents } = await read(client.v1.documents.$get({ query: {} }));
    expect(documents.map((left) => left.id)).toEqual(["bystander"]);
  });
  await fc.assert(property, { numRuns: 80, examples: known.map((id) => [id]) });
});

test("a parameter stays in its own path segment", () => {
  const offline = createClient({ url: "https://x.example/base/", key: "k" });
  const key = offline.v1.tenants[":tenant"].keys[":key"];
  fc.assert(
    fc.property(anyId, anyId, (tenant, id) => {
      const path = () => new URL(key.$url({ param: { tenant, key: id } }).href).pathname;
      if (isAddressable(tenant) && isAddressable(id)) {
        const parts = path().split("/").map(decodeURIComponent);
        expect(parts).toEqual(["", "base", "v1", "tenants", tenant, "keys", id]);
        const decoded = new URL(`https://x.example${decodeURIComponent(path())}`);
        expect(decoded.pathname).toMatch(/^\/base\/v1\/tenants\//);
      } else expect(path).toThrow(CairnError);
    }),
    { numRuns: 2_000 },
  );
});

test("an empty, missing or too long parameter is refused with its value", async () => {
  const before = requests;
  for (const [id, message] of [
    ["", 'document: "" cannot be part of a URL: it must be a non-empty string'],
    [undefined as unknown as string, "document: undefined cannot be part of a URL"],
    ["日".repeat(1_000), "it has 9000 bytes when encoded. The maximum is 8000"],
  ] as const)
    await expect(client.v1.documents[":document"].$delete(document(id))).rejects.toThrow(message);
  expect(requests).toBe(before);
  const longest = "日".repeat(888);
  await expect(read(client.v1.documents[":document"].$get(document(longest)))).rejects.toMatchObject({
    code: "not_found",
  });
});

test("a collection with any name is accessible", async () => {
  for (const name of ["a/b", "q?x=1#y", "p%20c", "100 %"]) {
    await read(client.v1.collections.$post({ header: {}, json: { name } }));
    const request = { param: { collection: name }, header: {} };
    expect((await read(client.v1.collections[":collection"].$get(request))).name).toBe(name);
    await read(client.v1.collections[":collection"].$delete(request));
  }
});
