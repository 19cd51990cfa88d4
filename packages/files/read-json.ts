import type { JsonObject, JsonValue } from "@cairn/core/database/json.ts";
import { type InputDocument, inputError, parseAt, toInputDocument } from "./document.ts";
import { splitLines } from "./lines.ts";
import { nameOf, type Source } from "./source.ts";

/** Yields a document for each line of JSON Lines. */
export async function* readJsonLines({ file, pieces }: Source): AsyncGenerator<InputDocument> {
  let number = 0;
  for await (const line of splitLines(pieces(), (reason) => inputError(nameOf(file), `: ${reason}`))) {
    number++;
    if (line.trim() !== "") yield* readJsonLine(line, `${nameOf(file)}, line ${number}`);
  }
}

function* readJsonLine(line: string, place: string): Generator<InputDocument> {
  const value = parseAt(line, place);
  if (pageDocuments(value)) yield* readJson(value, place);
  else yield toInputDocument(value, place);
}

/** Returns the documents of a page in the format of `cairn documents list --json`; undefined for other values. */
function pageDocuments(value: JsonValue): readonly JsonValue[] | undefined {
  const page = isObject(value) && value.content === undefined ? value.documents : undefined;
  return Array.isArray(page) ? page : undefined;
}

/** Yields the documents of a JSON value: a list of them, a page of `cairn documents list --json`, or one. */
export function* readJson(value: JsonValue, place: string): Generator<InputDocument> {
  const list = Array.isArray(value) ? value : pageDocuments(value);
  const listPlace = Array.isArray(value) ? place : `${place}, documents`;
  if (list) {
    for (const [index, item] of list.entries()) {
      const itemPlace = `${listPlace}[${index}]`;
      yield typeof item === "string" ? { content: item, place: itemPlace } : toInputDocument(item, itemPlace);
    }
  } else if (isObject(value) && ["content", "embedding"].some((key) => key in value))
    yield toInputDocument(value, place);
  else
    throw inputError(
      place,
      `: it is neither a list of documents, as in [{"id": "a", "content": "…"}], nor one document. With --format text it is ingested as plain text`,
    );
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
