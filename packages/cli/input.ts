import { readFile } from "node:fs/promises";
import { extname, sep } from "node:path";
import { text as readText } from "node:stream/consumers";
import { type JsonObject, parseJson } from "@cairn/core/database/json.ts";
import type { NewDocument } from "@cairn/core/document/document.ts";
import { AppError } from "@cairn/core/error.ts";
import * as z from "zod";

export type InputFormat = "auto" | "text" | "markdown" | "jsonl";

export interface InputOptions {
  /** Of standard input, and of files whose ending says nothing. Default auto: JSON Lines where it begins with a brace. */
  readonly format: InputFormat;
  /** Id of the text on standard input. */
  readonly id?: string;
}

const scalar = z.union([z.string(), z.number(), z.bigint(), z.boolean(), z.null()]);
const line = z.strictObject({
  id: z.string().min(1).optional(),
  content: z.string().nullable().optional(),
  metadata: z.record(z.string(), z.union([scalar, z.array(scalar)])).optional(),
  uri: z.string().optional(),
  embedding: z.array(z.number()).min(1).optional(),
});

/** The documents of files, or of standard input for `-`. Throws `invalid_input`, naming file, line and field. */
export async function readInputs(
  files: readonly string[],
  options: InputOptions,
): Promise<readonly NewDocument[]> {
  const documents: NewDocument[] = [];
  for (const file of files) {
    const text = file === "-" ? await readText(process.stdin) : await readInput(file);
    const format = options.format === "auto" ? guessFormat(file, text) : options.format;
    if (format === "jsonl") documents.push(...readLines(text, file));
    else
      documents.push({
        id: file === "-" ? options.id : file.split(sep).join("/"),
        content: text,
        metadata: { format },
      });
  }
  return documents;
}

async function readInput(file: string): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === "ENOENT"
        ? "there is no such file"
        : code === "EISDIR"
          ? "it is a folder; name its files, as in docs/*.md"
          : "it is not UTF-8 text";
    throw new AppError("invalid_input", `${file} cannot be read: ${why}.`, { path: file, cause: error });
  }
}

function guessFormat(file: string, text: string): Exclude<InputFormat, "auto"> {
  const ending = extname(file).toLowerCase();
  if (ending === ".jsonl" || ending === ".ndjson") return "jsonl";
  if (ending === ".md" || ending === ".markdown") return "markdown";
  return file === "-" && text.trimStart().startsWith("{") ? "jsonl" : "text";
}

function readLines(text: string, file: string): readonly NewDocument[] {
  const name = file === "-" ? "standard input" : file;
  return text
    .split("\n")
    .flatMap((content, index) =>
      content.trim() === "" ? [] : [readLine(content, `${name}, line ${index + 1}`)],
    );
}

function readLine(text: string, place: string): NewDocument {
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (error) {
    throw new AppError("invalid_input", `${place} is not JSON: ${(error as Error).message}`, {
      path: place,
      cause: error,
    });
  }
  const result = line.safeParse(json);
  if (!result.success) {
    const issue = result.error.issues[0];
    const field = issue?.path.join(".");
    throw new AppError(
      "invalid_input",
      `${place} cannot be taken${field ? ` at ${field}` : ""}: ${issue?.message}.`,
      { path: place },
    );
  }
  const { embedding, content = null, metadata, ...rest } = result.data;
  return {
    ...rest,
    content,
    metadata: metadata as JsonObject | undefined,
    embedding: embedding && Float32Array.from(embedding),
  };
}
