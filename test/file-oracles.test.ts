import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createThreadReader } from "@cairn/files/convert/thread.ts";
import { Document, HeadingLevel, Packer, Paragraph, Table, TableCell, TableRow, TextRun } from "docx";
import { PDFDocument, StandardFonts } from "pdf-lib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// Files of other programs, and other programs' opinion on their text. They are Debian's: chromium, pdftotext (poppler-utils) and
// pandoc. .ci/run installs them.

const run = promisify(execFile);
const readFileDocuments = createThreadReader();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cairn-oracles-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Read {
  readonly id: string;
  readonly content: string;
  readonly metadata: { readonly page?: number; readonly pages?: number; readonly title?: string };
}

async function read(name: string): Promise<readonly Read[]> {
  const { json } = await readFileDocuments({ name, bytes: new Uint8Array(await readFile(join(folder, name))) });
  return JSON.parse(`[${json}]`);
}

/** The words of a text, without marks and with ligatures as letters. */
const words = (text: string) => text.normalize("NFKC").match(/[\p{L}\p{N}]+/gu) ?? [];

async function pageWords(name: string, page: number) {
  const { stdout } = await run("pdftotext", ["-raw", "-f", `${page}`, "-l", `${page}`, join(folder, name), "-"]);
  return words(stdout);
}

const PAGES = ["returns", "opening hours", "délais à l’étranger", "office ﬁlings and ﬂowers"].map(
  (topic, page) =>
    `<section><h1>Chapter ${page + 1}: ${topic}</h1>${Array.from(
      { length: 25 },
      (_, at) =>
        `<p>Paragraph ${at} about ${topic}, with <b>bold</b> and <a href="#x">linked</a> words; it costs ${at}.50 €.</p>`,
    ).join("")}<table><tr><td>Days</td><td>${30 + page}</td></tr></table></section>`,
);

describe.runIf(process.env.CAIRN_TEST_ORACLES)("other programs agree", () => {
  test("on the words of each page of a PDF that a browser printed", async () => {
    const style = "<style>section { break-after: page } @page { size: A4 }</style>";
    await writeFile(join(folder, "page.html"), `<title>Handbook</title>${style}${PAGES.join("")}`);
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"];
    const profile = `--user-data-dir=${join(folder, "profile")}`;
    const output = `--print-to-pdf=${join(folder, "printed.pdf")}`;
    await run("chromium", [...flags, profile, "--no-pdf-header-footer", output, `file://${join(folder, "page.html")}`]);
    const pages = await read("printed.pdf");
    expect(pages.length).toBeGreaterThanOrEqual(4);
    for (const { id, content, metadata } of pages) {
      expect(id).toBe(`printed.pdf#page=${metadata.page}`);
      expect(metadata).toMatchObject({ pages: pages.length, title: "Handbook" });
      expect(words(content), id).toEqual(await pageWords("printed.pdf", metadata.page as number));
    }
    const chapters = pages.flatMap(({ content, metadata }) =>
      [...content.matchAll(/Chapter (\d)/g)].map(([, chapter]) => [Number(chapter), metadata.page]),
    );
    expect(chapters.map(([chapter]) => chapter)).toEqual([1, 2, 3, 4]);
  });

  test("on the words of each page of a PDF that a library wrote", async () => {
    const document = await PDFDocument.create();
    const font = await document.embedFont(StandardFonts.TimesRoman);
    for (const page of [1, 2, 3])
      document.addPage().drawText(`Page ${page} of the handbook.\nA café is open (daily) – from 9 to ${16 + page}.`, {
        x: 50,
        y: 700,
        font,
        size: 12,
      });
    await writeFile(join(folder, "written.pdf"), await document.save());
    const pages = await read("written.pdf");
    expect(pages.map(({ metadata }) => metadata.page)).toEqual([1, 2, 3]);
    for (const { content, metadata } of pages)
      expect(words(content)).toEqual(await pageWords("written.pdf", metadata.page as number));
  });

  test("on the words of a Word document, in their order, and on its headings", async () => {
    const cell = (text: string) => new TableCell({ children: [new Paragraph(text)] });
    const heading = (text: string, level: (typeof HeadingLevel)[keyof typeof HeadingLevel]) =>
      new Paragraph({ text, heading: level });
    const document = new Document({
      sections: [
        {
          children: [
            heading("Handbook", HeadingLevel.HEADING_1),
            heading("Returns & refunds", HeadingLevel.HEADING_2),
            new Paragraph({
              children: [new TextRun("You may return a "), new TextRun({ text: "kettle", bold: true })],
            }),
            new Paragraph({ text: "with its lid", bullet: { level: 0 } }),
            new Paragraph({ text: "with its cable", bullet: { level: 1 } }),
            new Table({ rows: [new TableRow({ children: [cell("Days"), cell("30 – 60")] })] }),
            heading("Öffnungszeiten", HeadingLevel.HEADING_2),
            new Paragraph("Nine to five * daily."),
          ],
        },
      ],
    });
    await writeFile(join(folder, "handbook.docx"), await Packer.toBuffer(document));
    const [own] = await read("handbook.docx");
    const { stdout } = await run("pandoc", [join(folder, "handbook.docx"), "-t", "plain", "--wrap=none"]);
    expect(words(own?.content ?? "")).toEqual(words(stdout));
    const { stdout: markdown } = await run("pandoc", [join(folder, "handbook.docx"), "-t", "gfm", "--wrap=none"]);
    const headings = (text: string) => text.match(/^#+ .*$/gm)?.map((line) => line.replaceAll("\\", ""));
    expect(headings(own?.content ?? "")).toEqual(headings(markdown));
  });
});
