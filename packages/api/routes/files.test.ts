import { createThreadReader } from "@cairn/files/convert/thread.ts";
import { PDFDocument, StandardFonts } from "pdf-lib";
import { expect, test, vi } from "vitest";
import { createTestApi, type TestApi } from "../../../test/support/api.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";

const own = useTestDatabase();
const readFile = createThreadReader();

type Field = readonly [name: string, value: string | File];

function send(api: TestApi, key: string, fields: readonly Field[]) {
  const body = new FormData();
  for (const [name, value] of fields) body.append(name, value);
  return api.call("POST", "/v1/files", { key, body });
}

const file = (name: string, content: string | Uint8Array<ArrayBuffer>): Field => ["file", new File([content], name)];

async function makePdf(...pages: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
  const document = await PDFDocument.create();
  const font = await document.embedFont(StandardFonts.Helvetica);
  for (const text of pages) document.addPage().drawText(text, { x: 20, y: 700, size: 12, font });
  return new Uint8Array(await document.save());
}

async function createApi(options: Parameters<typeof createTestApi>[1] = { readFile }) {
  const api = await createTestApi(own.database, options);
  const { key } = await api.addTenant();
  return { api, key, query: (query: string) => api.call("POST", "/v1/query", { key, body: { query, top_k: 1 } }) };
}

test("files of several formats become documents, and a hit names the page or the headings", async () => {
  const { api, key, query } = await createApi();
  const uploaded = await send(api, key, [
    file("handbook.pdf", await makePdf("A kettle may be returned.", "Refunds take three days.")),
    file("hours.md", "---\nregion: north\n---\n# Shop\n\n## Hours\n\nWe open at nine on weekdays.\n"),
    file(
      "faq.jsonl",
      '{"id": "faq-1", "content": "Gift cards never expire.", "metadata": {"topic": "gifts", "n": 9007199254740993}}\n',
    ),
    ["metadata", '{"source": "intranet"}'],
  ]);
  expect(uploaded).toMatchObject({
    status: 200,
    body: {
      collection: "knowledge",
      ids: ["handbook.pdf#page=1", "handbook.pdf#page=2", "hours.md", "faq-1"],
      failed: [],
      files: [
        { file: "handbook.pdf", documents: 2 },
        { file: "hours.md", documents: 1 },
        { file: "faq.jsonl", documents: 1 },
      ],
    },
  });
  expect((await query("Refunds take three days")).body.hits[0]).toMatchObject({
    id: "handbook.pdf#page=2",
    metadata: { source: "handbook.pdf", page: 2, pages: 2 },
  });
  expect((await query("open at nine on weekdays")).body.hits[0]).toMatchObject({
    headings: ["Shop"],
    metadata: { source: "intranet", region: "north", format: "markdown" },
  });
  expect((await query("Gift cards never expire")).text).toContain("9007199254740993");
});

test("a file that cannot be read is reported with the reason, and the others are ingested", async () => {
  const { api, key } = await createApi();
  const bad = [file("scan.pdf", await makePdf("")), file("book.xlsx", "PK\x03\x04xl/"), file("list.json", "[1")];
  const mixed = await send(api, key, [...bad, file("a.txt", "The shop is open.")]);
  expect(mixed).toMatchObject({ status: 200, body: { ids: ["a.txt"], files: [{ file: "a.txt", documents: 1 }] } });
  expect(mixed.body.failed).toEqual([
    { id: "scan.pdf", code: "invalid_input", message: expect.stringMatching(/its 1 pages have no text/) },
    { id: "book.xlsx", code: "invalid_input", message: expect.stringMatching(/an Excel workbook/) },
    { id: "list.json", code: "invalid_input", message: expect.stringMatching(/^list\.json is not JSON/) },
  ]);
  expect(await send(api, key, bad)).toMatchObject({ status: 400, body: { code: "invalid_input", path: "file" } });
});

test("an upload with much text is ingested in a job, which lists the files that could not be read", async () => {
  const { api, key, query } = await createApi();
  const rows = Array.from({ length: 300 }, (_, at) => `${at},Row ${at} is about kettles`).join("\n");
  const accepted = await send(api, key, [file("rows.csv", `id,content\n${rows}`), file("bad.docx", "no")]);
  expect(accepted).toMatchObject({ status: 202, body: { kind: "ingest", status: "in_progress" } });
  const job = await vi.waitFor(
    async () => {
      const { body } = await api.call("GET", accepted.headers.get("Location") ?? "", { key });
      expect(body.status).not.toBe("in_progress");
      return body;
    },
    { timeout: 60_000, interval: 50 },
  );
  expect(job).toMatchObject({
    status: "completed",
    counts: { documents: 300, failed: 1 },
    result: { failed: [{ id: "bad.docx", code: "invalid_input" }] },
  });
  expect((await query("Row 217 is about kettles")).body.hits[0].id).toBe("217");
});

test("an Idempotency-Key gives the same upload one effect, and refuses another one", async () => {
  const { api, key } = await createApi();
  const headers = { "Idempotency-Key": "one" };
  const post = (text: string, boundary: string) => {
    const part = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\ncontent\n${text}\r\n--${boundary}--\r\n`;
    const type = { "Content-Type": `multipart/form-data; boundary=${boundary}` };
    return api.call("POST", "/v1/files", { key, raw: part, headers: { ...headers, ...type } });
  };
  const first = await post("Kettles.", "one");
  expect(first.status).toBe(200);
  expect(await post("Kettles.", "--another")).toMatchObject({ status: 200, body: first.body });
  expect((await post("Teapots.", "one")).status).toBe(422);
  expect((await api.call("GET", "/v1/documents", { key })).body.documents).toHaveLength(1);
});

test.each<readonly [string, readonly Field[], string]>([
  ["no file", [["collection", "knowledge"]], "file"],
  ["text instead of a file", [["file", "text"]], "file[0]"],
  ["an unknown field", [file("a.txt", "x"), ["colection", "y"]], "colection"],
  ["metadata that is not an object", [file("a.txt", "x"), ["metadata", "[1]"]], "metadata"],
  ["a size that is not a number", [file("a.txt", "x"), ["max_tokens", "many"]], "max_tokens"],
  ["too many files", Array.from({ length: 101 }, (_, at) => file(`${at}.txt`, "x")), "file"],
  ["a name that is too long", [file(`${"n".repeat(1_001)}.txt`, "x")], "file[0]"],
])("%s is refused, naming the field", async (_, fields, path) => {
  const { api, key } = await createApi();
  expect(await send(api, key, fields)).toMatchObject({ status: 400, body: { code: "invalid_input", path } });
});

test("an upload has a limit of its own, and other types of body are refused", async () => {
  const { api, key } = await createApi({ readFile, maxBody: 2_000, maxUpload: 50_000 });
  const text = `${"word ".repeat(8_000)}`;
  expect((await send(api, key, [file("a.txt", text)])).status).toBe(200);
  const refused = await send(api, key, [file("a.txt", text + text)]);
  expect(refused).toMatchObject({ status: 413, body: { code: "body_too_large" } });
  expect(refused.body.detail).toContain("50000 bytes. Send fewer files");
  expect(await api.call("POST", "/v1/files", { key, body: {} })).toMatchObject({
    status: 415,
    body: { code: "unsupported_media_type", path: "Content-Type" },
  });
  expect((await api.call("POST", "/v1/documents", { key, body: { documents: [{ content: text }] } })).status).toBe(413);
});

test.each([
  ["many parts", `${'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'.repeat(200)}--x--\r\n`, "file"],
  ["a form without its end", '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx', "body"],
  ["bytes that are no form", "x", "body"],
])("%s are refused before they are parsed", async (_, raw, path) => {
  const { api, key } = await createApi();
  const headers = { "Content-Type": 'multipart/form-data; charset=utf-8; boundary="x"' };
  const refused = await api.call("POST", "/v1/files", { key, raw, headers });
  expect(refused).toMatchObject({ status: 400, body: { code: "invalid_input", path } });
});

test("a file whose documents are too long together with those before is refused, and the others are ingested", async () => {
  const { api, key } = await createApi();
  const csv = `id,${"n".repeat(1_000)}\n${Array.from({ length: 9_000 }, (_, at) => `${at},2`).join("\n")}`; // 18 MB as JSON
  const uploaded = await send(api, key, [file("a.csv", csv), file("b.csv", csv), file("c.txt", "Kettles.")]);
  expect(uploaded.status).toBe(202);
  const path = `/v1/jobs/${uploaded.body.id}`;
  const counted = async () =>
    expect((await api.call("GET", path, { key })).body.counts).toMatchObject({ total: 9_002, failed: 1 });
  await vi.waitFor(counted, { timeout: 60_000, interval: 50 });
  await api.call("POST", `${path}/cancel`, { key });
  await api.queue.close();
});

test("without a converter, text is read, and a PDF is refused with what to do", async () => {
  const { api, key } = await createApi({});
  expect((await send(api, key, [file("a.html", "<h1>Hours</h1><p>Nine to five.")])).status).toBe(200);
  const refused = await send(api, key, [file("a.pdf", await makePdf("x"))]);
  expect(refused).toMatchObject({ status: 400, body: { code: "invalid_input" } });
  expect(refused.body.detail).toMatch(/a PDF, which this service does not convert. Convert it to text/);
});

test("a key without the scope write and another tenant's collection are refused", async () => {
  const { api, key } = await createApi();
  const other = await api.addTenant();
  await api.call("POST", "/v1/collections", { key: other.key, body: { name: "theirs" } });
  expect((await send(api, key, [file("a.txt", "x"), ["collection", "theirs"]])).status).toBe(404);
  const created = await api.call("POST", "/v1/keys", { key, body: { scopes: ["read"] } });
  expect((await send(api, created.body.secret, [file("a.txt", "x")])).status).toBe(403);
});
