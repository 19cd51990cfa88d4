import { createLog } from "@cairn/api/telemetry/log.ts";
import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { onTestFinished, vi } from "vitest";
import type { TestApi } from "./api.ts";
import { startChatApi } from "./chat-api.ts";
import { useServer } from "./fixture.ts";

/** A scripted chat model that is called once and times out after 400 ms without a token. */
export function useImpatientChat() {
  const chat = useServer(startChatApi);
  return {
    chat,
    chatModel: (apiKey = "sk-chat") =>
      createChatModel({ model: "scripted", apiKey, baseUrl: chat.url, attempts: 1, idleTimeout: 400 }),
  };
}

export const question = (content: string, stream?: boolean) => ({
  messages: [{ role: "user", content }],
  stream,
});

/** Captures the lines of a log and everything printed to console.error. */
export function captureLog() {
  const lines: string[] = [];
  const print = vi.spyOn(console, "error").mockImplementation((...args) => void lines.push(args.join(" ")));
  onTestFinished(() => print.mockRestore());
  return { lines, log: createLog({ write: (line) => lines.push(line) }) };
}

/** A database that throws the error at read number `nth` after `begin`. */
export function failAtRead(database: Database, { nth, error }: { nth: number; error: Error }) {
  let reads = nth;
  const failing: Database = {
    ...database,
    read: (...args) => (++reads === nth ? Promise.reject(error) : database.read(...args)),
  };
  return {
    database: failing,
    begin() {
      reads = 0;
    },
  };
}

/** Requests a streamed answer, which the test reads as it arrives. */
export async function openStream(api: TestApi, key: string, body: object) {
  const answer = await api.app.request("/v1/chat", {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const reader = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  return {
    async rest() {
      let text = "";
      for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
      return text;
    },
    read: () => reader.read(),
    cancel: () => reader.cancel(),
  };
}
