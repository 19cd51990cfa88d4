import { deflateSync } from "node:zlib";
import { strToU8, zipSync } from "fflate";
import { PDFDocument } from "pdf-lib";
import { expect, test } from "vitest";
import { createThreadConverter } from "./thread.ts";

const convert = createThreadConverter();

const spaces = (count: number) => new Uint8Array(count).fill(32);

function zipWord(xml: Uint8Array) {
  return zipSync({ "[Content_Types].xml": strToU8("<Types/>"), "word/document.xml": xml });
}

/** A PDF of one page with this stream of drawing operators. */
function makePdf(content: Uint8Array): Uint8Array {
  const stream = deflateSync(content);
  const objects = [
    "<</Type/Catalog/Pages 2 0 R>>",
    "<</Type/Pages/Kids[3 0 R]/Count 1>>",
    "<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]/Contents 4 0 R>>",
    `<</Length ${stream.length}/Filter/FlateDecode>>stream\n`,
  ].map((body, index) => `${index + 1} 0 obj\n${body}`);
  const before = Buffer.from(`%PDF-1.4\n${objects.slice(0, 3).join("\nendobj\n")}\nendobj\n${objects[3]}`);
  return Uint8Array.from(
    Buffer.concat([before, stream, Buffer.from("\nendstream\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF")]),
  );
}

test("a Word document that unpacks to more than the limit is refused without being unpacked", async () => {
  const bytes = zipWord(spaces(110_000_000));
  expect(bytes.length).toBeLessThan(200_000);
  expect(await convert({ format: "docx", bytes })).toEqual({ error: "size" });
});

test("a Word document that unpacks to more than its header says is damaged", async () => {
  const bytes = zipWord(spaces(10_000_000));
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = 0; at + 46 < bytes.length; at++)
    if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 1_000, true); // entries of the central directory
  expect(await convert({ format: "docx", bytes })).toEqual({ error: "invalid" });
});

test("a PDF that unpacks to hundreds of megabytes is stopped before it fills the memory", async () => {
  const bytes = makePdf(spaces(600_000_000));
  expect(bytes.length).toBeLessThan(1_000_000);
  expect(await convert({ format: "pdf", bytes })).toEqual({ error: "memory" });
});

test("a conversion that takes longer than its time is stopped, and the next one runs", async () => {
  const impatient = createThreadConverter({ timeoutMs: 1 });
  const document = await PDFDocument.create();
  document.addPage();
  const bytes = await document.save();
  expect(await impatient({ format: "pdf", bytes })).toEqual({ error: "time" });
  expect(await convert({ format: "pdf", bytes })).toEqual({ pages: [""], title: undefined });
});
