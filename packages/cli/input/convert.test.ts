import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Document, HeadingLevel, Packer, Paragraph, Table, TableCell, TableRow, TextRun } from "docx";
import { PDFDocument, StandardFonts } from "pdf-lib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openInputs } from "./open.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-convert-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(name: string, content: Uint8Array) {
  const file = join(folder, name);
  await writeFile(file, content);
  const inputs = await openInputs([file], { format: "auto" });
  const documents = await Array.fromAsync(inputs.documents());
  expect(inputs.count).toBe(documents.length);
  return documents.map(({ place: _, ...document }) => document);
}

async function pdf(pages: readonly string[], title?: string): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  if (title) document.setTitle(title);
  const font = await document.embedFont(StandardFonts.Helvetica);
  for (const text of pages)
    document.addPage([400, 300]).drawText(text, { x: 20, y: 260, size: 12, lineHeight: 16, font });
  return document.save();
}

test("each page of a PDF is a document with its number, whatever the file's name is", async () => {
  const pages = ["Returns\nYou may return a kettle within 30 days.", "", "Café hours: nine to five."];
  const source = join(folder, "handbook.pdf");
  expect(await read("handbook.pdf", await pdf(pages, "Handbook"))).toEqual([
    {
      id: `${source}#page=1`,
      content: pages[0],
      metadata: { format: "pdf", source, page: 1, pages: 3, title: "Handbook" },
    },
    {
      id: `${source}#page=3`,
      content: pages[2],
      metadata: { format: "pdf", source, page: 3, pages: 3, title: "Handbook" },
    },
  ]);
  expect((await read("renamed.bin", await pdf(["One page."])))[0]?.content).toBe("One page.");
});

test("a Word document is its text with headings and tables", async () => {
  const cell = (text: string) => new TableCell({ children: [new Paragraph(text)] });
  const document = new Document({
    sections: [
      {
        children: [
          new Paragraph({ text: "Returns", heading: HeadingLevel.HEADING_1 }),
          new Paragraph({
            children: [new TextRun("You may return a "), new TextRun({ text: "kettle", bold: true }), new TextRun(".")],
          }),
          new Table({ rows: [new TableRow({ children: [cell("Days"), cell("30")] })] }),
        ],
      },
    ],
  });
  const file = join(folder, "handbook.docx");
  const [read1] = await read("handbook.docx", await Packer.toBuffer(document));
  expect(read1).toMatchObject({ id: file, metadata: { format: "docx", title: "Returns" } });
  expect(read1?.content).toMatch(/^# Returns\n+You may return a kettle\.\n+Days \| 30/);
});

test("a PDF without text is refused with what to do", async () => {
  await expect(read("scan.pdf", await pdf(["", ""]))).rejects.toThrow(
    /its 2 pages have no text, as in a scan.*ocrmypdf/,
  );
});
