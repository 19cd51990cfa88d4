import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

/** How the scripted model answers one request. */
export type ChatReply =
  /** Text in these pieces. `usage: "growing"`: what it took so far is told with every piece, as some servers do. */
  | { readonly kind: "text"; readonly pieces: readonly string[]; readonly usage?: "growing" }
  /** Calls of tools. */
  | {
      readonly kind: "calls";
      readonly calls: readonly { readonly name: string; readonly arguments: string }[];
    }
  | {
      readonly kind: "status";
      readonly status: number;
      readonly message?: string;
      readonly code?: string;
      readonly retryAfter?: string;
    }
  /** Never answers, or begins to and says no more. */
  | { readonly kind: "hang"; readonly after?: readonly string[] }
  /** Cuts the connection after these pieces. */
  | { readonly kind: "drop"; readonly after: readonly string[] }
  /** Ends the stream properly, but without having finished. */
  | { readonly kind: "half"; readonly after: readonly string[] }
  /** Says after these pieces that it has failed. */
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
}

export interface ChatApi {
  /** To be given as the client's base URL. */
  readonly url: string;
  readonly requests: readonly ChatRequest[];
  /** Requests that hang, as they were told to, and whose callers are still there. */
  hanging(): number;
  /** The next requests are answered so, one each; those after cite the first passage. */
  script(...replies: readonly ChatReply[]): void;
  /** Every request that the script does not cover is answered so. */
  always(reply: ChatReply | undefined): void;
  stop(): Promise<void>;
}

/** A model on loopback that speaks OpenAI's chat completions, streamed or not, and says what it is told. */
export async function startChatApi(): Promise<ChatApi> {
  const requests: ChatRequest[] = [];
  const replies: ChatReply[] = [];
  let hanging = 0;
  let otherwise: ChatReply | undefined;
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.destroy(error));
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = (await json(request)) as ChatRequest;
    requests.push(asked);
    const reply = replies.shift() ?? otherwise ?? { kind: "text", pieces: ["So it ", "says [", "1]."] };
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
    if (asked.stream) stream(response, asked.model, reply);
    else whole(response, asked.model, reply);
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    hanging: () => hanging,
    always(reply) {
      otherwise = reply;
    },
    script: (...more) => void replies.push(...more),
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

const USAGE = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 };

type Spoken = Exclude<ChatReply, { kind: "status" | "garbage" }>;

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

const toolCalls = ({ calls }: Extract<ChatReply, { kind: "calls" }>) =>
  calls.map((call, index) => ({ index, id: `call_${index}`, type: "function", function: call }));

function stream(response: ServerResponse, model: string, reply: Spoken): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const growing = reply.kind === "text" && reply.usage === "growing";
  const send = (delta: object, finish: string | null = null) => {
    const chunk = {
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1,
      model,
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...(growing ? { usage: USAGE } : {}),
    };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  send({ role: "assistant", content: "" });
  const pieces = reply.kind === "text" ? reply.pieces : reply.kind === "calls" ? [] : (reply.after ?? []);
  for (const piece of pieces) send({ content: piece });
  if (reply.kind === "calls") {
    for (const { index, id, type, function: called } of toolCalls(reply)) {
      const middle = called.arguments.length >> 1; // arguments come in pieces, as they do
      send({
        tool_calls: [
          { index, id, type, function: { name: called.name, arguments: called.arguments.slice(0, middle) } },
        ],
      });
      send({ tool_calls: [{ index, function: { arguments: called.arguments.slice(middle) } }] });
    }
  }
  if (reply.kind === "hang") return;
  if (reply.kind === "drop") {
    setTimeout(() => response.destroy(), 20);
    return;
  }
  if (reply.kind === "half") {
    response.end("data: [DONE]\n\n");
    return;
  }
  if (reply.kind === "error") {
    response.end(`data: ${JSON.stringify({ error: { message: reply.message, type: "server_error" } })}\n\n`);
    return;
  }
  send({}, reply.kind === "calls" ? "tool_calls" : "stop");
  response.write(
    `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model, choices: [], usage: USAGE })}\n\n`,
  );
  response.end("data: [DONE]\n\n");
}

function whole(response: ServerResponse, model: string, reply: Spoken): void {
  const calls = reply.kind === "calls" ? toolCalls(reply) : undefined;
  const message = {
    role: "assistant",
    content: reply.kind === "text" ? reply.pieces.join("") : null,
    ...(calls ? { tool_calls: calls.map(({ index, ...call }) => call) } : {}),
  };
  response.writeHead(200, { "content-type": "application/json" });
  response.end(
    JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1,
      model,
      choices: [{ index: 0, message, finish_reason: calls ? "tool_calls" : "stop" }],
      usage: USAGE,
    }),
  );
}
