import type { answerQuestion, ChatEvent, chat, Usage } from "@cairn/core/assistant/chat.ts";
import type { ChatModel } from "@cairn/core/assistant/chat-message.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { withTimeLimit } from "@cairn/core/database/time-limit.ts";
import { AppError } from "@cairn/core/error.ts";
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { requireScope, tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";
import { BEARER, createRouter, jsonBody, problems, reply } from "../openapi.ts";
import { streamEvents } from "../request/stream-events.ts";
import { collectionName } from "../schema/collection.ts";
import { filterSchema } from "../schema/document.ts";
import { passageFields } from "../schema/passage.ts";
import type { Log } from "../telemetry/log.ts";

const passageSchema = z
  .object({
    number: z.int().describe("By which the answer cites it."),
    ...passageFields,
  })
  .openapi("Citation");

const answerSchema = z
  .object({
    answer: z.string().describe("As the model wrote it, without its reasoning. Cites passages as [1]."),
    citations: z
      .array(passageSchema)
      .describe("The passages that the answer cites, in the order in which it does."),
    truncated: z
      .boolean()
      .describe(
        "Whether the answer ends before its end: at the model's limit of tokens, or cut by a content filter.",
      ),
    finish_reason: z.enum(["stop", "length", "content_filter"]).describe("Why the model ended its answer."),
    model: z.string(),
    usage: z.object({ input_tokens: z.int(), output_tokens: z.int() }),
  })
  .openapi("Answer");

const ask = createRoute({
  method: "post",
  path: "/v1/chat",
  operationId: "chat",
  summary: "Answer a question from the knowledge base, with citations",
  description:
    "With `stream: true` the answer comes as server-sent events: `passages` (what a search found), `delta` (text), `restart` (the " +
    "text so far is replaced: what came since was the model's reasoning), and at the end `done` (the whole answer) or `error` (a " +
    "problem, as in any other answer). The conversation so far comes from the caller.",
  tags: ["Chat"],
  security: BEARER,
  middleware: requireScope("read"),
  request: {
    body: jsonBody(
      z
        .strictObject({
          messages: z
            .array(
              z.strictObject({
                role: z.enum(["user", "assistant"]),
                content: z.string().min(1).max(100_000),
              }),
            )
            .min(1)
            .max(200),
          collection: collectionName.optional(),
          filter: filterSchema.optional().describe("Narrows every search of the answer."),
          top_k: z.int().min(1).max(50).optional().describe("Passages a search. Default 8."),
          group_by: z
            .enum(["document", "passage"])
            .optional()
            .describe("The best passage of each document (the default), or passages each for themselves."),
          stream: z.boolean().optional(),
        })
        .openapi("Chat", {
          example: { messages: [{ role: "user", content: "How long may I return a kettle?" }] },
        }),
    ),
  },
  responses: {
    200: {
      description: "The answer.",
      content: {
        "application/json": { schema: answerSchema },
        "text/event-stream": { schema: z.string().describe("Server-sent events.") },
      },
    },
    ...problems([404, 422, 502], { body: true }),
  },
});

export interface ChatRouteOptions {
  /** Undefined: chat is answered 503 `chat_not_configured`. */
  readonly model: ChatModel | undefined;
  readonly log: Log | undefined;
  /** Milliseconds for a streamed answer, which may outlive the deadline of other requests. Default 120,000. */
  readonly streamDeadline?: number;
}

export function chatRoutes({ model, log, streamDeadline = 120_000 }: ChatRouteOptions) {
  return createRouter().openapi(ask, async (c) => {
    if (!model)
      throw new AppError(
        "chat_not_configured",
        "No chat model is configured. Set CAIRN_CHAT_MODEL, and OPENAI_API_KEY or CAIRN_CHAT_BASE_URL.",
      );
    const { messages, collection, filter, top_k: topK, group_by: groupBy, stream } = c.req.valid("json");
    const { facts, signal } = c.var;
    const onUsage = ({ inputTokens, outputTokens }: Usage) => {
      facts.inputTokens += inputTokens;
      facts.outputTokens += outputTokens;
    };
    const asked = { messages, collection, filter, topK, groupBy, model, signal, onUsage };
    // Imported here: a service without a chat model never loads it.
    const { answerQuestion, chat } = await import("@cairn/core/assistant/chat.ts");
    if (!stream) return reply(c, toAnswer(await answerQuestion(c.var.services, tenantOf(c), asked))) as never;
    const events = startChat(c, chat, asked);
    const first = await events.next(); // what fails before the first event is answered as any other failure
    c.var.time.throwIfOver();
    return streamEvents(c, {
      log,
      milliseconds: streamDeadline,
      async write(sse) {
        for (let next = first; !next.done && !signal.aborted; next = await events.next()) {
          const { event, data } = toEvent(next.value);
          if (next.value.type === "passages") facts.rows = (facts.rows ?? 0) + next.value.passages.length;
          await sse.writeSSE({ event, data: stringifyJson(data) });
        }
      },
    }) as never;
  });
}

/** The events of an answer, which end with the request's time: the request's own until it begins, then the stream's. */
function startChat(c: Context<Env>, chatWith: typeof chat, asked: Parameters<typeof chat>[2]) {
  const { lasting, time } = c.var;
  const services = {
    ...lasting,
    get database() {
      return withTimeLimit(lasting.database, time.left());
    },
  };
  const events = chatWith(services, tenantOf(c), asked);
  time.signal.addEventListener("abort", () => void events.return(undefined), { once: true });
  return events;
}

function toEvent(event: ChatEvent): { readonly event: string; readonly data: object } {
  if (event.type === "passages")
    return { event: "passages", data: { query: event.query, passages: event.passages } };
  if (event.type === "delta" || event.type === "restart")
    return { event: event.type, data: { text: event.text } };
  return { event: "done", data: toAnswer(event) };
}

function toAnswer({
  answer,
  citations,
  truncated,
  finishReason,
  model,
  usage,
}: Extract<ChatEvent, { type: "done" }> | Awaited<ReturnType<typeof answerQuestion>>) {
  const { inputTokens, outputTokens } = usage;
  return {
    answer,
    citations,
    truncated,
    finish_reason: finishReason,
    model,
    usage: { input_tokens: inputTokens, output_tokens: outputTokens },
  };
}
