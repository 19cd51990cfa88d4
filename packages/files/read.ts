import { type Conversion, type Convert, convertFile } from "./convert/conversion.ts";
import { type InputDocument, inputError, parseAt } from "./document.ts";
import { readFrontMatter } from "./front-matter.ts";
import { htmlToText } from "./html/html.ts";
import { readJson, readJsonLines } from "./read-json.ts";
import { readRows } from "./read-rows.ts";
import { nameOf, readText, type Source } from "./source.ts";

/** Yields the documents of a source. Throws `invalid_input`, naming the place and what to do. */
export async function* readDocuments(source: Source, convert: Convert): AsyncGenerator<InputDocument> {
  for await (const document of readFormat(source, convert))
    yield source.uri === undefined ? document : { uri: source.uri, ...document };
}

async function* readFormat(source: Source, convert: Convert): AsyncGenerator<InputDocument> {
  const { file, id, format } = source;
  const place = nameOf(file);
  switch (format) {
    case "jsonl":
      return yield* readJsonLines(source);
    case "json":
      return yield* readJson(parseAt(await readText(source), place), place);
    case "csv":
      return yield* readRows(source);
    case "pdf":
    case "docx":
      return yield* readConverted({ ...source, format }, convert);
    case "html": {
      const { text, title } = htmlToText(await readText(source));
      return yield { id, content: text, format: "markdown", metadata: titled(format, title), place };
    }
    case "markdown": {
      const { content, metadata } = readFrontMatter(await readText(source));
      return yield { id, content, format, metadata: { ...metadata, format }, place };
    }
    case "text":
      yield { id, content: await readText(source), metadata: { format }, place };
  }
}

function titled(format: string, title: string | undefined) {
  return { format, ...(title ? { title } : {}) };
}

/** The pages of a PDF, each as a document with its number, or a Word document. */
async function* readConverted(
  { file, id = "-", bytes, format }: Source & Pick<Conversion, "format">,
  convert: Convert,
): AsyncGenerator<InputDocument> {
  const converted = await convertFile(nameOf(file), { bytes: await bytes(), format }, convert);
  const place = nameOf(file);
  if ("html" in converted) {
    const { text, title } = htmlToText(converted.html);
    yield { id, content: text, format: "markdown", metadata: titled(format, title), place };
    return;
  }
  const { pages, title } = converted;
  if (pages.every((text) => text.trim() === ""))
    throw inputError(
      place,
      `: its ${pages.length} pages have no text, as in a scan. Recognise the text first, for example with ocrmypdf`,
    );
  for (const [index, text] of pages.entries()) {
    const page = index + 1;
    const metadata = { format, source: id, page, pages: pages.length, ...(title ? { title } : {}) };
    if (text.trim() !== "")
      yield { id: `${id}#page=${page}`, content: text, metadata, place: `${place}, page ${page}` };
  }
}
