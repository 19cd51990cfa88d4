import { spawn } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { type CairnCli, useCairnCli } from "./support/cairn-cli.ts";
import { serverUrl } from "./support/database.ts";
import { startEmbeddingApi } from "./support/embedding-api.ts";

// Ingest of all file formats from the command line, export of the same documents, and the progress output.

const cli = useCairnCli();
beforeAll(async () => {
  if (serverUrl()) await cli.run(["db", "migrate"]);
  await cli.run(["tenants", "create", "acme"]);
});

const cairn: CairnCli["run"] = (args, options) => cli.run(args, options);
const collection = async (name: string) =>
  cairn(["collections", "create", name, "--model", "offline/words", "--dimensions", "8"]);

interface Exported {
  readonly id: string;
  readonly content: string | null;
  readonly metadata: object;
  readonly uri: string | null;
  readonly embedding?: readonly number[];
  readonly passages: readonly { readonly content: string | null; readonly embedding?: readonly number[] }[];
}

const comparable = ({ id, content, metadata, uri, embedding, passages }: Exported) => ({
  id,
  content,
  metadata,
  uri,
  embedding,
  passages: passages.map((passage) => [passage.content, passage.embedding]),
});

test("the JSON of documents list can be ingested again with the same text, metadata, URI and vectors", async () => {
  const long = Array.from({ length: 300 }, (_, n) => `Sentence ${n} tells of kettle ${n}.`).join("\n");
  const documents = [
    {
      id: "a/b\n\u0001",
      content: "One.\n\tTwo — ünï\u2028.",
      metadata: { n: 1, of: [1.5, null], in: { x: true } },
      uri: "https://x/a",
    },
    { id: "long", content: long },
    { id: "vector", content: null, embedding: Array.from({ length: 8 }, (_, n) => Math.fround(Math.sin(n))) },
  ];
  const lines = documents.map((document) => JSON.stringify(document).replace('"n":1', '"n":9007199254740993'));
  await collection("from");
  await collection("to");
  await writeFile(join(cli.folder, "in.jsonl"), lines.join("\n"));
  expect(await cairn(["ingest", "in.jsonl", "--collection", "from"])).toMatchObject({
    code: 0,
    err: expect.any(String),
  });
  const listed = await cairn(["documents", "list", "--collection", "from", "--json", "--vectors"]);
  expect(listed.out).toContain("9007199254740993");
  const again = await cairn(["ingest", "--collection", "to"], { input: listed.out });
  expect(again).toMatchObject({ code: 0, out: expect.stringContaining("3 documents") });
  const copied = await cairn(["documents", "list", "--collection", "to", "--json", "--vectors"]);
  const [before, after] = [listed, copied].map(({ out }) => (JSON.parse(out).documents as Exported[]).map(comparable));
  expect(after).toEqual(before);
  expect(before?.find(({ id }) => id === "long")).toMatchObject({ content: long });
  expect(before?.find(({ id }) => id === "a/b\n\u0001")).toMatchObject({
    content: documents[0]?.content,
    uri: "https://x/a",
  });
  // Ingest keeps the vectors of the file, even if the model would compute others from the text.
  const exported = JSON.parse(listed.out).documents.find(({ id }: Exported) => id === "long") as Exported;
  expect(exported.passages.length).toBeGreaterThan(1);
  const passages = exported.passages.map((passage, n) => ({
    ...passage,
    embedding: [n + 1, 0, 0, 0, 0, 0, 0, 0.5],
  }));
  const input = JSON.stringify({ documents: [{ ...exported, passages }] });
  expect(await cairn(["ingest", "--collection", "to"], { input })).toMatchObject({ code: 0 });
  const { documents: stored } = await cli.json("documents", "get", "long", "--collection", "to", "--vectors");
  expect(stored.map(comparable)).toEqual([comparable({ ...exported, passages })]);
  expect(before?.find(({ id }) => id === "vector")?.embedding).toEqual(documents[2]?.embedding);
  await rm(join(cli.folder, "in.jsonl"));
});

test("one document is printed in the singular, and line breaks are kept", async () => {
  await collection("lines");
  const ingested = await cairn(["ingest", "--id", "kettle", "--collection", "lines"], {
    input: "Kettle\n\n  - red\n  - \u001b[31mblue\n",
  });
  expect(ingested.out).toContain("Ingested 1 document in 1 passage into collection lines");
  const found = await cairn(["query", "kettle", "--collection", "lines"]);
  expect(found.out).toContain("\n   Kettle\n\n     - red\n     - \\u001b[31mblue\n");
  expect(found.out).not.toContain("\u001b[31m");
  const document = await cairn(["documents", "get", "kettle", "--collection", "lines"]);
  expect(document.out).toContain("\nKettle\n\n  - red\n  - \\u001b[31mblue\n");
});

test("CSV, HTML and JSON lists are ingested by their format, and a damaged PDF is refused", async () => {
  await collection("kinds");
  const files = {
    "shop.csv": "id,content,price\nkettle,A red kettle.,20\npot,A blue pot.,15\n",
    "hours.html": "<title>Hours</title><body><script>x()</script><p>Nine to five.</p>",
    "faq.json": '[{"id": "faq", "content": "Thirty days."}]',
    "manual.pdf": "%PDF-1.7",
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(cli.folder, name), content);
  expect(await cairn(["ingest", "manual.pdf", "--collection", "kinds"])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/manual\.pdf.*not a PDF, or it is damaged/),
  });
  const ingested = await cairn(["ingest", ...Object.keys(files), "missing.txt", "--collection", "kinds"]);
  expect(ingested).toMatchObject({
    code: 3,
    err: expect.stringMatching(/manual\.pdf cannot.*\n.*missing\.txt.*no such file/),
  });
  expect(ingested.out).toMatch(/^Ingested 4 documents.*\n {2}shop\.csv: 2 documents\n {2}hours\.html: 1 document\n/);
  const { documents } = await cli.json("documents", "list", "--collection", "kinds");
  expect(documents.map(({ id, content, metadata }: Exported) => ({ id, content, metadata }))).toEqual([
    { id: "faq", content: "Thirty days.", metadata: {} },
    { id: "hours.html", content: "Nine to five.", metadata: { format: "html", title: "Hours" } },
    { id: "kettle", content: "A red kettle.", metadata: { price: 20 } },
    { id: "pot", content: "A blue pot.", metadata: { price: 15 } },
  ]);
});

const CAIRN = fileURLToPath(new URL("../packages/cli/bin/cairn.mjs", import.meta.url));

test("an ingest that takes longer than a second shows its progress, and Ctrl-C stops it", async () => {
  const slow = await startEmbeddingApi();
  try {
    slow.always({ kind: "hang" });
    const child = spawn(process.execPath, [CAIRN, "ingest", "--id", "x"], {
      cwd: cli.folder,
      env: {
        ...process.env,
        OPENAI_API_KEY: "sk-x",
        OPENAI_BASE_URL: slow.url,
        DATABASE_URL: cli.databaseUrl ?? "",
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let output = "";
    let interrupted = false;
    child.stderr.on("data", (piece) => {
      output += piece;
      if (interrupted || !output.includes("0 of 1 document")) return;
      interrupted = child.kill("SIGINT");
    });
    child.stdin.end("A kettle.");
    const [, code] = await Promise.all([text(child.stdout), new Promise((resolve) => child.once("close", resolve))]);
    expect(output).toMatch(/0 of 1 document {2}\(\d+ s\)/);
    expect(output).toMatch(/^stopped/m);
    expect(code).toBe(130);
  } finally {
    await slow.stop();
  }
});
