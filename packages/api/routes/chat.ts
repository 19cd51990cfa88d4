import type { answerQuestion, ChatEvent, chat, Usage } from "@cairn/core/assistant/chat.ts";
import type { ChatModel } from "@cairn/core/assistant/chat-message.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { withTimeLimit } from "@cairn/core/database/time-limit.ts";
import { AppError } from "@cairn/core/error.ts";
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { requireScope, tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";
import { createRouter, jsonBody, jsonResponse, problems, reply, secured } from "../openapi.ts";
import { streamEvents } from "../request/stream-events.ts";
import { collectionName } from "../schema/collection.ts";
import { filterSchema } from "../schema/document.ts";
import { passageFields } from "../schema/passage.ts";
import { expandSchema, rerankOutcomeSchema, rerankSchema } from "../schema/rerank.ts";
import { SETTINGS } from "../settings/table.ts";
import type { Log } from "../telemetry/log.ts";

const passageSchema = z
  .object({
    number: z.int().describe("The number by which the answer cites the passage."),
    ...passageFields,
  })
  .openapi("Citation");

const answerSchema = z
  .object({
    answer: z.string().describe("The text of the model without its reasoning. It cites passages as [1]."),
    citations: z.array(passageSchema).describe("The passages that the answer cites, in order of citation."),
    truncated: z
      .boolean()
      .describe("Whether the answer is incomplete because of the model's token limit or a content filter."),
    finish_reason: z.enum(["stop", "length", "content_filter"]).describe("Why the model stopped."),
    model: z.string(),
    usage: z.object({ input_tokens: z.int(), output_tokens: z.int() }),
    rerank: rerankOutcomeSchema.optional(),
  })
  .openapi("Answer");

const chatRoute = createRoute({
  method: "post",
  path: "/v1/chat",
  operationId: "chat",
  summary: "Answer a question with citations",
  description:
    "The answer comes from the passages that a search finds in the knowledge base. Send the complete conversation with each request. " +
    "With `stream: true` the response is a stream of server-sent events: `passages` (the results of a search), `delta` (text), " +
    "`restart` (replaces the text so far, because it contained the model's reasoning), and finally `done` (the complete answer) or " +
    "`error` (a problem, as in an error response).",
  ...secured("Chat", requireScope("read")),
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
          filter: filterSchema.optional().describe("Limits every search for the answer to matching documents."),
          top_k: z.int().min(1).max(50).optional().describe("Maximum passages of each search. Default 8."),
          group_by: z
            .enum(["document", "passage"])
            .optional()
            .describe(
              "`document` uses the best passage of each document, `passage` every passage. Default: `document`.",
            ),
          rerank: rerankSchema.optional(),
          expand: expandSchema.optional(),
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

const chatModelRoute = createRoute({
  method: "get",
  path: "/v1/chat",
  operationId: "getChatModel",
  summary: "Get the chat model",
  ...secured("Chat", requireScope("read")),
  responses: {
    200: jsonResponse(
      z.object({ model: z.string().nullable().describe("Null: no chat model is configured.") }).openapi("ChatModel"),
      "The model that answers questions.",
    ),
    ...problems(),
  },
});

export interface ChatRouteOptions {
  /** Undefined: requests are answered 503 `chat_not_configured`. */
  readonly model: ChatModel | undefined;
  readonly log: Log | undefined;
}

/** Milliseconds for a streamed response, which may run longer than other requests. */
const STREAM_TIMEOUT_MS = 120_000;

const { chatModel, openaiApiKey, chatBaseUrl } = SETTINGS;

export function chatRoutes({ model, log }: ChatRouteOptions) {
  const router = createRouter().openapi(chatModelRoute, (c) => reply(c, { model: model?.model ?? null }));
  return router.openapi(chatRoute, async (c) => {
    if (!model)
      throw new AppError(
        "chat_not_configured",
        `No chat model is configured. Set ${chatModel.variable}, and ${openaiApiKey.variable} or ${chatBaseUrl.variable}.`,
      );
    const { messages, collection, filter, top_k: topK, group_by: groupBy, stream, ...ranking } = c.req.valid("json");
    const { usage, signal, services } = c.var;
    const tenantId = tenantOf(c);
    const onUsage = ({ inputTokens, outputTokens }: Usage) => {
      usage.inputTokens += inputTokens;
      usage.outputTokens += outputTokens;
      const tokens = { tenantId, model: model.model };
      services.usage?.count({ ...tokens, kind: "chat_input_tokens", n: inputTokens });
      services.usage?.count({ ...tokens, kind: "chat_output_tokens", n: outputTokens });
    };
    const question = { messages, collection, filter, topK, groupBy, ...ranking, model, signal, onUsage };
    // Imported on first use: a service without a chat model never loads it.
    const { answerQuestion, chat } = await import("@cairn/core/assistant/chat.ts");
    if (!stream) return reply(c, toAnswer(await answerQuestion(services, tenantId, question))) as never;
    const events = startChat(c, chat, question);
    const first = await events.next(); // an error before the first event is an ordinary error response
    c.var.timer.throwIfExpired();
    return streamEvents(c, {
      log,
      timeoutMs: STREAM_TIMEOUT_MS,
      async write(sse) {
        for (let next = first; !next.done && !signal.aborted; next = await events.next()) {
          const { event, data } = toEvent(next.value);
          if (next.value.type === "passages") usage.rows = (usage.rows ?? 0) + next.value.passages.length;
          await sse.writeSSE({ event, data: stringifyJson(data) });
        }
      },
    }) as never;
  });
}

/** The events of an answer. They end with the request's time, which is extended when the stream starts. */
function startChat(c: Context<Env>, chatWith: typeof chat, question: Parameters<typeof chat>[2]) {
  const { backgroundServices, timer } = c.var;
  const services = {
    ...backgroundServices,
    get database() {
      return withTimeLimit(backgroundServices.database, timer.remainingMs());
    },
  };
  const events = chatWith(services, tenantOf(c), question);
  timer.signal.addEventListener("abort", () => void events.return(undefined), { once: true });
  return events;
}

function toEvent(event: ChatEvent): { readonly event: string; readonly data: object } {
  if (event.type === "passages") {
    const { type, ...data } = event;
    return { event: type, data };
  }
  if (event.type === "delta" || event.type === "restart") return { event: event.type, data: { text: event.text } };
  return { event: "done", data: toAnswer(event) };
}

function toAnswer(result: Extract<ChatEvent, { type: "done" }> | Awaited<ReturnType<typeof answerQuestion>>) {
  const { answer, citations, truncated, finishReason, model, usage, rerank } = result;
  const tokens = { input_tokens: usage.inputTokens, output_tokens: usage.outputTokens };
  return { answer, citations, truncated, finish_reason: finishReason, model, usage: tokens, ...(rerank && { rerank }) };
}
