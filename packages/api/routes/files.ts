import { type JsonObject, parseLargeJson } from "@cairn/core/database/json.ts";
import type { Failure } from "@cairn/core/document/passages.ts";
import { AppError } from "@cairn/core/error.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import { nextTurn } from "@cairn/core/turn.ts";
import type { ReadFile } from "@cairn/files/to-json.ts";
import { createRoute, type z } from "@hono/zod-openapi";
import { requireScope } from "../auth/require.ts";
import { createRouter, jsonResponse, problems, reply, secured } from "../openapi.ts";
import { idempotent } from "../request/idempotent.ts";
import { ingestSchema } from "../schema/document.ts";
import { uploadedSchema, uploadFormSchema } from "../schema/file.ts";
import { idempotencyHeader } from "../schema/parameters.ts";
import { ingestNow } from "./documents.ts";
import { accepted, startIngest } from "./start-job.ts";

const upload = createRoute({
  method: "post",
  path: "/v1/files",
  operationId: "uploadFiles",
  summary: "Add files",
  description:
    "Extracts the text of files. A file is one document, whose id is its name; a page of a PDF, a row of a CSV file and a line of JSON " +
    "Lines is a document of its own. Documents with existing ids are replaced. Passages keep the headings above them. Files that cannot be " +
    "read are listed in `failed`, and the others are ingested. An upload with much text is ingested in a job, with the response 202.",
  ...secured("Documents", requireScope("write"), idempotent),
  request: {
    headers: idempotencyHeader,
    body: { content: { "multipart/form-data": { schema: uploadFormSchema } }, required: true },
  },
  responses: {
    200: jsonResponse(uploadedSchema, "The files that were read, and the documents that were written."),
    202: accepted,
    ...problems([404, 409, 422, 502], { body: true }),
  },
});

/** Maximum characters of the documents of all files, as JSON. */
const MAX_JSON_LENGTH = 32_000_000;

/** Documents and characters of text above which an upload is ingested in a job. */
const MAX_DIRECT = { documents: 200, characters: 200_000 };

export interface FileRouteOptions {
  readonly queue: JobQueue;
  /** Default: reads in this process, and refuses PDF and Word files. */
  readonly readFile?: ReadFile;
}

/** Loaded with the first file: a function that answers other requests never needs it. */
const readText: ReadFile = async (file) => {
  const [{ fileToJson }, { noConversion }] = await Promise.all([
    import("@cairn/files/to-json.ts"),
    import("@cairn/files/convert/conversion.ts"),
  ]);
  return fileToJson(file, noConversion);
};

export function fileRoutes({ queue, readFile = readText }: FileRouteOptions) {
  return createRouter().openapi(upload, async (c) => {
    const { file: uploads, metadata, ...options } = c.req.valid("form");
    const { files, refused, json } = await readUploads(uploads, { readFile, signal: c.var.signal });
    const documents = await parseDocuments(json, metadata);
    const characters = documents.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
    if (documents.length > MAX_DIRECT.documents || characters > MAX_DIRECT.characters)
      return startIngest(c, queue, { ...options, documents, refused });
    const { failed, ...ingested } = await ingestNow(c, { ...options, documents });
    return reply(c, { ...ingested, failed: [...refused, ...failed], files }, 200);
  });
}

/** The documents of the files as JSON. Throws `invalid_input` with the first reason if no file can be read. */
async function readUploads(
  uploads: readonly File[],
  { readFile, signal }: { readonly readFile: ReadFile; readonly signal: AbortSignal },
) {
  const files: z.infer<typeof uploadedSchema>["files"] = [];
  const refused: Failure[] = [];
  const parts: string[] = [];
  let length = 0;
  for (const upload of uploads) {
    await nextTurn();
    signal.throwIfAborted();
    const { name } = upload;
    try {
      const { json, documents } = await readFile({ name, bytes: new Uint8Array(await upload.arrayBuffer()) }, signal);
      if (length + json.length > MAX_JSON_LENGTH) throw tooLong(name);
      length += json.length;
      if (documents > 0) parts.push(json);
      files.push({ file: name, documents });
    } catch (error) {
      if (!(error instanceof AppError && error.code === "invalid_input")) throw error;
      refused.push({ id: name, code: error.code, message: error.message });
    }
  }
  if (parts.length === 0)
    throw new AppError("invalid_input", refused[0]?.message ?? "The files contain no document.", { path: "file" });
  return { files, refused, json: `[${parts.join()}]` };
}

function tooLong(name: string): AppError {
  return new AppError(
    "invalid_input",
    `${name} cannot be ingested in this upload: the documents of its files have more than ${MAX_JSON_LENGTH} characters together. Send it in another one.`,
    { path: name },
  );
}

async function parseDocuments(json: string, metadata: JsonObject = {}) {
  const { documents } = ingestSchema.parse({ documents: await parseLargeJson(json) });
  return documents.map((document) => ({ ...document, metadata: { ...metadata, ...document.metadata } }));
}
