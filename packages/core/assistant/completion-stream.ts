import { createParser } from "eventsource-parser";
import { parseJson } from "../database/json.ts";
import { InvalidReplyError } from "../embedding/openai-reply.ts";
import { AppError } from "../error.ts";

/** Bytes that a chat server may send for one answer, including reasoning and keep-alives. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** UTF-16 units of one event, or of an answer in one JSON document. */
const MAX_EVENT_LENGTH = 2 * 1024 * 1024;

/** One item of a chat server's stream: a chunk of the answer, a keep-alive comment, or the end. */
export type StreamItem =
  | { readonly type: "chunk"; readonly value: unknown; readonly event: string | undefined }
  | { readonly type: "comment" }
  | { readonly type: "done" };

/**
 * Reads the body of a chat completion as it arrives: server-sent events in any notation (CRLF, comments, several
 * `data:` lines, no final blank line), or one JSON document from a server that does not stream.
 * Throws `chat_failed` if the body exceeds its limits, InvalidReplyError and SyntaxError.
 */
export async function* readCompletion(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamItem> {
  const queue: StreamItem[] = [];
  const parser = createParser({
    maxBufferSize: MAX_EVENT_LENGTH,
    onEvent: ({ data, event }) => queue.push(...readEvent(data, event)),
    onComment: () => queue.push({ type: "comment" }),
    onError: ({ type }) => {
      if (type === "max-buffer-size-exceeded") throw tooLarge();
    },
  });
  const document = createDocumentReader();
  const decoder = new TextDecoder();
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw tooLarge();
    const text = decoder.decode(chunk, { stream: true });
    if (!document.accept(text)) parser.feed(document.takeBuffered(text));
    yield* queue.splice(0);
  }
  const documentText = document.end();
  if (documentText !== undefined) queue.push({ type: "chunk", value: parseJson(documentText), event: undefined });
  else parser.feed("\n\n"); // dispatches an event whose blank line is missing
  yield* queue.splice(0);
}

/** Buffers a body that starts with a brace: one JSON document instead of events. */
function createDocumentReader() {
  let buffered = "";
  let kind: "unknown" | "document" | "events" = "unknown";
  return {
    /** Adds text. Returns whether it belongs to a JSON document, or might. */
    accept(text: string): boolean {
      if (kind === "events") return false;
      buffered += text;
      if (buffered.length > MAX_EVENT_LENGTH) throw tooLarge();
      const [first] = buffered.trimStart();
      if (first === "<") throw new InvalidReplyError("it is a web page; check the base URL, which usually ends in /v1");
      if (kind === "unknown" && first !== undefined) kind = first === "{" ? "document" : "events";
      return kind !== "events";
    },
    /** The text to parse as events: first everything buffered, then each further piece. */
    takeBuffered(text: string): string {
      const all = buffered === "" ? text : buffered;
      buffered = "";
      return all;
    },
    end: () => (kind === "document" ? buffered : undefined),
  };
}

function readEvent(data: string, event: string | undefined): readonly StreamItem[] {
  if (data.trim() === "") return [];
  if (data.trim() === "[DONE]") return [{ type: "done" }];
  try {
    return [{ type: "chunk", value: parseJson(data), event }];
  } catch (error) {
    // Some servers omit the blank line between events. Then each line is an event.
    const lines = data.split("\n");
    if (lines.length === 1 || !(error instanceof SyntaxError)) throw error;
    return lines.flatMap((line) => readEvent(line, event));
  }
}

function tooLarge(): AppError {
  return new AppError(
    "chat_failed",
    `The chat server's answer cannot be read: it is larger than ${MAX_ANSWER_BYTES / 1024 / 1024} MB, or one of its events is larger than ${MAX_EVENT_LENGTH / 1024 / 1024} MB. Ask again, or use another model.`,
  );
}
