import { type Conversion, type Convert, type Extracted, MAX_UNPACKED_BYTES } from "./conversion.ts";

/** A table cell with one paragraph, whose text is in line with the other cells. */
const CELL = /<(t[dh])[^>]*><p>((?:(?!<\/?p>).)*)<\/p><\/\1>/gs;

/** Converts in this thread, with no limit of time. The libraries are loaded with the first file. */
export const extract: Convert = async (conversion) => {
  try {
    return conversion.format === "pdf" ? await readPdf(conversion) : await readWord(conversion);
  } catch (error) {
    if (error instanceof UnpackedSizeError) return { error: "size" };
    return { error: (error as Error).name === "PasswordException" ? "password" : "invalid" };
  }
};

async function readPdf({ bytes }: Conversion): Promise<Extracted> {
  const { extractText, getDocumentProxy, getMeta } = await import("unpdf");
  const document = await getDocumentProxy(bytes, { verbosity: 0 });
  const { text } = await extractText(document, { mergePages: false });
  const { info } = await getMeta(document);
  const title = typeof info?.Title === "string" && info.Title.trim() !== "" ? info.Title.trim() : undefined;
  return { pages: text.map(readLigatures), title };
}

/** Private code points by which common fonts (Liberation, Arial, Times New Roman) encode the ligatures fi and fl. */
const LIGATURES: Readonly<Record<string, string>> = { "\uF001": "fi", "\uF002": "fl" };

function readLigatures(text: string): string {
  return text.replaceAll(/[\uF001\uF002]/g, (ligature) => LIGATURES[ligature] as string);
}

async function readWord({ bytes }: Conversion): Promise<Extracted> {
  const [{ default: mammoth }, buffer] = await Promise.all([import("mammoth"), repack(bytes)]);
  // Images would become data in the HTML.
  const withoutImages = mammoth.images.imgElement(async () => ({ src: "" }));
  const { value } = await mammoth.convertToHtml({ buffer }, { convertImage: withoutImages });
  return { html: value.replaceAll(CELL, "<$1>$2</$1>") };
}

class UnpackedSizeError extends Error {}

/**
 * The parts of a Word document that have text, stored without compression. A part that is longer than its header says is
 * damaged for fflate, so no part unpacks to more than was counted.
 */
async function repack(bytes: Uint8Array): Promise<Buffer> {
  const { unzipSync, zipSync } = await import("fflate");
  let unpacked = 0;
  const parts = unzipSync(bytes, {
    filter({ name, originalSize }) {
      if (/^word\/(media|embeddings|fonts)\//.test(name)) return false;
      unpacked += originalSize;
      if (unpacked > MAX_UNPACKED_BYTES) throw new UnpackedSizeError();
      return true;
    },
  });
  return Buffer.from(zipSync(parts, { level: 0 }));
}
