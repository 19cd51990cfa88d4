import { readFile } from "node:fs/promises";
import { parentPort, workerData } from "node:worker_threads";

/** What the thread converts. */
export interface Conversion {
  readonly path: string;
  readonly format: "pdf" | "docx";
}

/** A PDF as the text of each page, a Word document as HTML; or why it cannot be read. */
export type Converted =
  | { readonly pages: readonly string[]; readonly title: string | undefined }
  | { readonly html: string }
  | { readonly error: "password" | "invalid" };

/** A table cell with one paragraph, whose text is in line with the other cells. */
const CELL = /<(t[dh])[^>]*><p>((?:(?!<\/?p>).)*)<\/p><\/\1>/gs;

const { path, format } = workerData as Conversion;
parentPort?.postMessage(await convert());

async function convert(): Promise<Converted> {
  try {
    return format === "pdf" ? await readPdf() : await readWord();
  } catch (error) {
    return { error: (error as Error).name === "PasswordException" ? "password" : "invalid" };
  }
}

async function readPdf(): Promise<Converted> {
  const { extractText, getDocumentProxy, getMeta } = await import("unpdf");
  const document = await getDocumentProxy(new Uint8Array(await readFile(path)), { verbosity: 0 });
  const { text } = await extractText(document, { mergePages: false });
  const { info } = await getMeta(document);
  const title = typeof info?.Title === "string" && info.Title.trim() !== "" ? info.Title.trim() : undefined;
  return { pages: text, title };
}

async function readWord(): Promise<Converted> {
  const { default: mammoth } = await import("mammoth");
  // Images would become data in the HTML.
  const withoutImages = mammoth.images.imgElement(async () => ({ src: "" }));
  const { value } = await mammoth.convertToHtml({ path }, { convertImage: withoutImages });
  return { html: value.replaceAll(CELL, "<$1>$2</$1>") };
}
