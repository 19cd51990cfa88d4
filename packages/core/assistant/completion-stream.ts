import { createParser } from "eventsource-parser";
import { parseJson } from "../database/json.ts";
import { BrokenReply } from "../embedding/openai-reply.ts";
import { AppError } from "../error.ts";

/** Bytes that a chat server may send for one answer, reasoning and keep-alives included. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** UTF-16 units of one event, or of an answer that comes as one JSON document. */
const MAX_EVENT_LENGTH = 2 * 1024 * 1024;

/** What a chat server sends: a chunk of the answer, a keep-alive comment, or the end. */
export type Received =
  | { readonly type: "chunk"; readonly value: unknown; readonly event: string | undefined }
  | { readonly type: "comment" }
  | { readonly type: "done" };

/**
 * Reads the body of a chat completion as it arrives: server-sent events in any notation (CRLF, comments, several
 * `data:` lines, no final blank line), or one JSON document from a server that does not stream.
 * Throws `chat_failed` where the body is larger than its limits, BrokenReply, SyntaxError.
 */
export async function* readCompletion(body: ReadableStream<Uint8Array>): AsyncGenerator<Received> {
  const queue: Received[] = [];
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
    if (!document.take(text)) parser.feed(document.release(text));
    yield* queue.splice(0);
  }
  const whole = document.end();
  if (whole !== undefined) queue.push({ type: "chunk", value: parseJson(whole), event: undefined });
  else parser.feed("\n\n"); // dispatches an event whose blank line is missing
  yield* queue.splice(0);
}

/** Collects a body that begins with a brace: one JSON document instead of events. */
function createDocumentReader() {
  let held = "";
  let kind: "unknown" | "document" | "events" = "unknown";
  return {
    /** Whether the text belongs to a document, or may yet. */
    take(text: string): boolean {
      if (kind === "events") return false;
      held += text;
      if (held.length > MAX_EVENT_LENGTH) throw tooLarge();
      const [first] = held.trimStart();
      if (first === "<")
        throw new BrokenReply(
          "it is a web page; check the base URL, which usually ends in /v1 (CAIRN_CHAT_BASE_URL)",
        );
      if (kind === "unknown" && first !== undefined) kind = first === "{" ? "document" : "events";
      return kind !== "events";
    },
    /** What is to be parsed as events: all of the text so far, then each further piece. */
    release(text: string): string {
      const all = held === "" ? text : held;
      held = "";
      return all;
    },
    end: () => (kind === "document" ? held : undefined),
  };
}

function readEvent(data: string, event: string | undefined): readonly Received[] {
  if (data.trim() === "") return [];
  if (data.trim() === "[DONE]") return [{ type: "done" }];
  try {
    return [{ type: "chunk", value: parseJson(data), event }];
  } catch (error) {
    // Some servers leave out the blank line between events: each line is one then.
    const lines = data.split("\n");
    if (lines.length === 1 || !(error instanceof SyntaxError)) throw error;
    return lines.flatMap((line) => readEvent(line, event));
  }
}

function tooLarge(): AppError {
  return new AppError(
    "chat_failed",
    `The chat server's answer cannot be read: it is larger than ${MAX_ANSWER_BYTES / 1024 / 1024} MB, or one event of it than ${MAX_EVENT_LENGTH / 1024 / 1024} MB. Ask again, or use another model.`,
  );
}
