import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type CallDialect,
  callDeltas,
  completeCalls,
  completeText,
  type TextDialect,
  textDeltas,
  type WireDialect,
} from "./chat-dialects.ts";

/** The scripted response to one request. */
export type ChatReply =
  /** Text in these pieces; `every`: milliseconds before each piece. */
  | ({ readonly kind: "text"; readonly pieces: readonly string[]; readonly every?: number } & TextDialect & WireDialect)
  /** Tool calls. */
  | ({
      readonly kind: "calls";
      readonly calls: readonly { readonly name: string; readonly arguments: string }[];
      readonly dialect?: CallDialect;
      readonly finish?: string;
    } & WireDialect)
  /** Status 200 with this body instead of a completion. */
  | { readonly kind: "body"; readonly body: string; readonly type?: string }
  | {
      readonly kind: "status";
      readonly status: number;
      readonly message?: string;
      readonly code?: string;
      readonly retryAfter?: string;
    }
  /** Never responds, or stops after these pieces without closing the connection. */
  | { readonly kind: "hang"; readonly after?: readonly string[] }
  /** Cuts the connection after these pieces. */
  | { readonly kind: "drop"; readonly after: readonly string[] }
  /** Ends the stream properly, but without a finish reason. */
  | { readonly kind: "half"; readonly after: readonly string[] }
  /** Sends an error event after these pieces. */
  | { readonly kind: "error"; readonly after: readonly string[]; readonly message: string }
  | { readonly kind: "garbage" };

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly {
    readonly role: string;
    readonly content: string | null;
    readonly tool_calls?: readonly object[];
  }[];
  readonly tools?: readonly object[];
  readonly stream?: boolean;
  readonly stream_options?: object;
}

export interface ChatApi {
  /** The client's base URL. */
  readonly url: string;
  readonly requests: readonly ChatRequest[];
  /** Number of hanging requests whose callers are still connected. */
  hanging(): number;
  /** Sets the responses to the next requests. Later requests get a text that cites the first passage. */
  script(...replies: readonly ChatReply[]): void;
  /** Sets the response to every request that the script does not cover. */
  always(reply: ChatReply | undefined): void;
  stop(): Promise<void>;
}

/** A scripted chat model on loopback that implements OpenAI's chat completions, streamed or not. */
export async function startChatApi({
  refuses = [],
}: {
  readonly refuses?: readonly ("tools" | "stream_options")[];
} = {}): Promise<ChatApi> {
  const requests: ChatRequest[] = [];
  const replies: ChatReply[] = [];
  let hanging = 0;
  let defaultReply: ChatReply | undefined;
  const server = createServer((request, response) => {
    respond(request, response).catch((error) => response.destroy(error));
  });
  const refusal = (body: ChatRequest): string | undefined => {
    if (refuses.includes("tools") && (body.tools || body.messages.some(({ role }) => role === "tool")))
      return `registry/${body.model} does not support tools`;
    if (refuses.includes("stream_options") && body.stream_options)
      return "Extra inputs are not permitted: stream_options";
    return undefined;
  };
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await json(request)) as ChatRequest;
    requests.push(body);
    const reply = replies.shift() ?? defaultReply ?? { kind: "text", pieces: ["So it ", "says [", "1]."] };
    if (reply.kind === "hang") {
      hanging++;
      response.once("close", () => hanging--);
      if (!reply.after) return;
    }
    if (reply.kind === "status") return refuse(response, reply);
    if (reply.kind === "garbage") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end("data: {half\n\n");
      return;
    }
    if (reply.kind === "body") {
      response.writeHead(200, { "content-type": reply.type ?? "application/json" });
      response.end(reply.body);
      return;
    }
    const message = refusal(body);
    if (message) return refuse(response, { kind: "status", status: 400, message });
    const streams = body.stream && !("wire" in reply && reply.wire?.includes("unstreamed"));
    if (streams) await stream(response, body.model, reply);
    else sendComplete(response, body.model, reply);
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    hanging: () => hanging,
    always(reply) {
      defaultReply = reply;
    },
    script: (...next) => void replies.push(...next),
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

const USAGE = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 };

type Completion = Exclude<ChatReply, { kind: "status" | "garbage" | "body" }>;

function refuse(
  response: ServerResponse,
  { status, message, code, retryAfter }: Extract<ChatReply, { kind: "status" }>,
): void {
  response.writeHead(status, {
    "content-type": "application/json",
    ...(retryAfter ? { "retry-after": retryAfter } : {}),
  });
  response.end(
    JSON.stringify({
      error: { message: message ?? `refused with ${status}`, type: code ?? null, code: code ?? null },
    }),
  );
}

async function stream(response: ServerResponse, model: string, reply: Completion): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const wire = "wire" in reply ? (reply.wire ?? []) : [];
  const end = wire.includes("crlf") ? "\r\n" : "\n";
  const write = (data: object | string) => {
    if (wire.includes("comments")) response.write(`: keep-alive${end}${end}`);
    response.write(`data: ${typeof data === "string" ? data : JSON.stringify(data)}${end}${end}`);
  };
  const chunk = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model };
  const usage = reply.kind === "text" && reply.usage === "growing" ? { usage: USAGE } : {};
  const send = (delta: object, finish: string | null = null) =>
    write({ ...chunk, choices: [{ index: 0, delta, finish_reason: finish }], ...usage });
  send({ role: "assistant", content: reply.kind === "calls" ? null : "" });
  if (reply.kind === "text") {
    for (const delta of textDeltas(reply)) {
      if (reply.every) await sleep(reply.every);
      send(delta);
    }
  } else if (reply.kind === "calls") for (const delta of callDeltas(reply.calls, reply.dialect)) send(delta);
  else for (const piece of reply.after ?? []) send({ content: piece });
  if (reply.kind === "hang") return;
  if (reply.kind === "drop") {
    setTimeout(() => response.destroy(), 20);
    return;
  }
  if (reply.kind === "half") return void response.end("data: [DONE]\n\n");
  if (reply.kind === "error") {
    const failure = { error: { message: reply.message, type: "server_error" } };
    return void response.end(`event: error\ndata: ${JSON.stringify(failure)}\n\n`);
  }
  send({}, reply.finish ?? (reply.kind === "calls" ? "tool_calls" : "stop"));
  if (!("usage" in reply && reply.usage === "missing")) write({ ...chunk, choices: [], usage: USAGE });
  if (wire.includes("open")) return; // sends nothing more and keeps the connection
  if (!wire.includes("no_done")) write("[DONE]");
  response.end();
}

function sendComplete(response: ServerResponse, model: string, reply: Completion): void {
  const message =
    reply.kind === "text"
      ? completeText(reply)
      : { content: null, ...(reply.kind === "calls" ? completeCalls(reply.calls, reply.dialect) : {}) };
  const finish = "finish" in reply ? reply.finish : undefined;
  response.writeHead(200, { "content-type": "application/json" });
  response.end(
    JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1,
      model,
      choices: [
        {
          index: 0,
          message: { role: "assistant", ...message },
          finish_reason: finish ?? (reply.kind === "calls" ? "tool_calls" : "stop"),
        },
      ],
      ...("usage" in reply && reply.usage === "missing" ? {} : { usage: USAGE }),
    }),
  );
}
