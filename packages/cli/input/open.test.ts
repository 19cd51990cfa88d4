import { execFile } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Format } from "@cairn/files/format.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openInputs } from "./open.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-inputs-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(name: string, content: string | Uint8Array, format: Format | "auto" = "auto") {
  const file = join(folder, name);
  await writeFile(file, content);
  const inputs = await openInputs([file], { format });
  const documents = [];
  for await (const { place, ...document } of inputs.documents()) documents.push(document);
  expect(documents).toHaveLength(inputs.count);
  return documents.map((document) =>
    Object.fromEntries(Object.entries(document).filter(([, value]) => value !== undefined)),
  );
}

const FAQ = [
  {
    id: "a",
    content: "One.\nTwo.",
    metadata: { n: 1, big: 9007199254740993n, nested: { deep: [1, null] } },
    uri: "https://x/a",
  },
  { content: "Three." },
];
const FAQ_JSON = `[{"id": "a", "content": "One.\\nTwo.", "metadata": {"n": 1, "big": 9007199254740993, "nested": {"deep": [1, null]}}, "uri": "https://x/a"},
  {"content": "Three.", "uri": null, "metadata": null}]`;

test("a .json file is read as a list of documents, a page of documents, or one document", async () => {
  expect(await read("faq.json", FAQ_JSON)).toEqual(FAQ);
  expect(await read("page.json", `{"documents": ${FAQ_JSON}, "next": null}`)).toEqual(FAQ);
  expect(
    await read("page.jsonl", `{"documents": ${FAQ_JSON.replaceAll("\n", " ")}, "next": "abc"}\n{"content": "x"}`),
  ).toEqual([...FAQ, { content: "x" }]);
  expect(await read("one.json", '{"content": "x"}')).toEqual([{ content: "x" }]);
  expect(await read("texts.json", '["x", "y"]')).toEqual([{ content: "x" }, { content: "y" }]);
  expect(await read("empty.json", "[]")).toEqual([]);
  const [document] = await read("own.json", '[{"content": "x", "metadata": {"__proto__": 1}}]');
  expect(Object.keys(document?.metadata as object)).toEqual(["__proto__"]);
});

test("a CSV row becomes a document: known columns are fields, other columns are metadata of one type", async () => {
  const csv =
    '\ufeffid,content,price,postcode,open,version,url\n1,"Kettle, red",20,01234,true,1.10,https://x/1\n2,"Pot\nblue",9.5,99999,FALSE,2.5,\n';
  expect(await read("shop.csv", csv)).toEqual([
    {
      id: "1",
      content: "Kettle, red",
      metadata: { price: 20, postcode: "01234", open: true, version: "1.10" },
      uri: "https://x/1",
    },
    {
      id: "2",
      content: "Pot\nblue",
      metadata: { price: 9.5, postcode: "99999", open: false, version: "2.5" },
    },
  ]);
  const rows = await read("faq.csv", "Question;Answer\nOpen?;9 to 5\nReturns?;\n");
  expect(rows).toEqual([
    {
      id: `${join(folder, "faq.csv")}#2`,
      content: "Question: Open?\nAnswer: 9 to 5",
      metadata: { Question: "Open?", Answer: "9 to 5" },
    },
    { id: `${join(folder, "faq.csv")}#3`, content: "Question: Returns?", metadata: { Question: "Returns?" } },
  ]);
  expect(await read("x.tsv", 'text\tembedding\tmetadata\nhi\t[0.5, 1]\t"{""a"": [1]}"\n')).toEqual([
    {
      id: `${join(folder, "x.tsv")}#2`,
      content: "hi",
      embedding: Float32Array.of(0.5, 1),
      metadata: { a: [1] },
    },
  ]);
});

test("a vector can contain large integers", async () => {
  const line = '{"id": "large", "embedding": [1000000000000000000, 1]}';
  expect(await read("large.jsonl", line)).toMatchObject([{ embedding: Float32Array.of(1e18, 1) }]);
});

test("an HTML page becomes its text and title", async () => {
  expect(await read("page.htm", "<title>Hours</title><p>Nine to five.</p>")).toEqual([
    {
      id: join(folder, "page.htm"),
      content: "Nine to five.",
      format: "markdown",
      metadata: { format: "html", title: "Hours" },
    },
  ]);
  expect((await read("page", "<!DOCTYPE html><p>x"))[0]).toMatchObject({ content: "x" });
});

const ZIP = "PK\x03\x04\x14\x00\x06\x00";
test.each<readonly [string, string, RegExp]>([
  ["manual.pdf", "%PDF-1.7\n", /it is not a PDF, or it is damaged/],
  ["renamed.txt", "%PDF-1.4\n", /it is not a PDF, or it is damaged/],
  ["empty.pdf", "", /it is not a PDF, or it is damaged/],
  ["text.pdf", "Some text.", /it is not a PDF, or it is damaged/],
  ["letter.docx", `${ZIP}[Content_Types].xml word/document.xml`, /it is not a Word document, or it is damaged/],
  ["letter.txt", `${ZIP}[Content_Types].xml word/document.xml`, /it is not a Word document, or it is damaged/],
  ["empty.docx", "", /it is not a Word document, or it is damaged/],
  ["book.xlsx", `${ZIP}xl/workbook.xml`, /Excel/],
  ["letter.doc", "\xd0\xcf\x11\xe0\xa1", /old Office document/],
  ["letter.rtf", "{\\rtf1\\ansi hello}", /rich text/],
  ["image.md", "\x89PNG\r\n\x1a\n", /it is an image/],
  ["photo.JPG", "\xff\xd8\xff\xe0", /it is an image/],
  ["all.zip", ZIP, /it is an archive.*Unpack/],
  ["log.gz", "\x1f\x8b\x08", /it is an archive/],
  ["data.bin", "abc\0def", /it is a binary file/],
  ["wide.txt", "\xff\xfeh\0i\0", /UTF-16.*iconv/],
  ["latin.txt", "caf\xe9", /not UTF-8 text.*iconv/],
])("%s is refused by its content, with a hint", async (name, content, message) => {
  await expect(read(name, Buffer.from(content, "latin1"))).rejects.toThrow(
    expect.objectContaining({ code: "invalid_input", message: expect.stringMatching(message) }),
  );
});

test.each<readonly [string, string, RegExp]>([
  ["config.json", '{"name": "x"}', /neither a list of documents.*--format text/],
  ["broken.json", '[{"content": "x"}', /broken\.json is not JSON/],
  ["stray.json", '[{"content": "x"}, {"contents": "y"}]', /stray\.json\[1\].*contents/],
  ["number.json", "[1]", /number\.json\[0\]/],
  ["vectors.jsonl", '{"embedding": [1, 2]}\n{"embedding": [1, 2, 3]}', /line 2.*3 numbers.*line 1 has 2/],
  ["short.csv", "id,content\n1\n", /line 2.*1 fields?.*header has 2/],
  ["twice.csv", "id,content,text\n1,a,b\n", /two of its columns are the content/],
  ["same.csv", "id,a,a\n1,a,b\n", /"a" twice/],
  ["vector.csv", "content,embedding\nx,many\n", /line 2, embedding is not JSON/],
])("%s is refused, and the error names the place", async (name, content, message) => {
  await expect(read(name, content)).rejects.toThrow(message);
});

test("--format takes precedence over the file extension", async () => {
  expect(await read("x.json", '{"name": "x"}', "text")).toEqual([
    { id: join(folder, "x.json"), content: '{"name": "x"}', metadata: { format: "text" } },
  ]);
});

test("a folder stands for its files, and those that cannot be read are listed", async () => {
  const files = {
    "b.md": "# B",
    "a/deep/a.txt": "A.",
    "a/bad.json": "[{",
    "a/wrong.pdf": "no PDF",
    "a/photo.jpg": "\xff\xd8\xff",
    ".git/c.txt": "hidden",
    "node_modules/x/d.md": "a package",
  };
  const site = join(folder, "site");
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(site, name)), { recursive: true });
    await writeFile(join(site, name), content);
  }
  const { documents, refused, count } = await openInputs([site], { format: "auto" });
  expect((await Array.fromAsync(documents())).map(({ id }) => id)).toEqual(
    ["a/deep/a.txt", "b.md"].map((name) => join(site, name)),
  );
  expect(count).toBe(2);
  expect(refused.map(({ file }) => file)).toEqual(["a/bad.json", "a/wrong.pdf"].map((name) => join(site, name)));
  expect(refused[1]?.reason).toMatch(/wrong\.pdf cannot be ingested: it is not a PDF/);
});

test("the error names an empty folder or a missing file", async () => {
  await mkdir(join(folder, "docs"));
  await expect(openInputs([join(folder, "docs")], { format: "auto" })).rejects.toThrow(/the folder has no file with/);
  await expect(openInputs([join(folder, "none")], { format: "auto" })).rejects.toThrow(/no such file/);
});

test.each(["jsonl", "csv"])("a .%s file is read in less memory than its size", async (extension) => {
  const file = join(folder, `large.${extension}`);
  const text = "kettle ".repeat(1_000);
  const line = extension === "csv" ? `"${text}"\n` : `${JSON.stringify({ content: text })}\n`;
  const lines = function* () {
    if (extension === "csv") yield "content\n";
    for (let number = 0; number < 15_000; number++) yield line;
  };
  await pipeline(Readable.from(lines()), createWriteStream(file));
  const open = fileURLToPath(new URL("open.ts", import.meta.url));
  const script = `
    const { openInputs } = await import(${JSON.stringify(open)});
    const inputs = await openInputs([${JSON.stringify(file)}], { format: "auto" });
    let count = 0;
    for await (const document of inputs.documents()) count += document.content.length > 0;
    console.log(count);`;
  const node = ["--max-old-space-size=64", "--input-type=module", "--eval", script];
  const { stdout } = await promisify(execFile)(process.execPath, node);
  expect(stdout).toBe("15000\n");
});

test("a page and a file of a web server are read by the type that it gives them, with their address as id and URI", async () => {
  const server = createServer((request, response) => {
    if (request.url === "/missing") return response.writeHead(404).end();
    if (request.url === "/moved") return response.writeHead(302, { Location: "/page" }).end();
    const isPage = request.url === "/page";
    response.writeHead(200, { "Content-Type": isPage ? "text/html; charset=utf-8" : "application/x-ndjson" });
    return response.end(isPage ? "<title>Hours</title><h1>Hours</h1>Nine to five." : '{"id": "a", "content": "x"}\n');
  });
  const { port } = await new Promise<AddressInfo>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(server.address() as AddressInfo)),
  );
  const url = (path: string) => `http://127.0.0.1:${port}/${path}`;
  try {
    const inputs = await openInputs([url("page"), url("moved"), url("export")], { format: "auto" });
    const documents = await Array.fromAsync(inputs.documents());
    await inputs.close();
    expect(documents).toMatchObject([
      { id: url("page"), uri: url("page"), content: "# Hours\n\nNine to five.", metadata: { title: "Hours" } },
      { id: url("moved"), uri: url("moved"), content: "# Hours\n\nNine to five." },
      { id: "a", content: "x" },
    ]);
    await expect(openInputs([url("missing")], { format: "auto" })).rejects.toThrow(/responds with 404/);
  } finally {
    server.close();
  }
  await expect(openInputs([url("page")], { format: "auto" })).rejects.toThrow(
    /cannot be read: fetch failed.*ECONNREFUSED/,
  );
});

test("a folder within a folder that is deleted while its parent is read is left out", async () => {
  const parent = join(folder, "changing");
  await mkdir(join(parent, "stays"), { recursive: true });
  await writeFile(join(parent, "stays/a.md"), "Text.");
  let done = false;
  const changing = (async () => {
    for (let at = 0; !done; at++) {
      const names = Array.from({ length: 20 }, (_, index) => join(parent, `temporary-${at}-${index}`, "inner"));
      await Promise.all(names.map((name) => mkdir(name, { recursive: true })));
      await Promise.all(names.map((name) => rm(dirname(name), { recursive: true, force: true })));
    }
  })();
  try {
    for (let run = 0; run < 100; run++) expect((await openInputs([parent], { format: "auto" })).count).toBe(1);
  } finally {
    done = true;
    await changing;
  }
});

test("a file that is deleted between the two reads is named", async () => {
  const file = join(folder, "deleted.md");
  await writeFile(file, "Text.");
  const inputs = await openInputs([file], { format: "auto" });
  await rm(file);
  await expect(Array.fromAsync(inputs.documents())).rejects.toThrow(
    /deleted\.md cannot be read: there is no such file/,
  );
});
