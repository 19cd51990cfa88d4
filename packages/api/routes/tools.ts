import {
  parseSearchInput,
  runSearch,
  SEARCH_DESCRIPTION,
  SEARCH_NAME,
  searchInput,
  searchSchema,
} from "@cairn/core/assistant/search-tool.ts";
import { readArguments } from "@cairn/core/assistant/tool-input.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { createMiddleware } from "hono/factory";
import { requireScope, tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";
import { createRouter, jsonBody, jsonResponse, problems, reply, secured } from "../openapi.ts";
import { passageFields } from "../schema/passage.ts";
import { rerankOutcomeSchema } from "../schema/rerank.ts";

const json = z.record(z.string(), z.unknown());

const listRoute = createRoute({
  method: "get",
  path: "/v1/tools",
  operationId: "listTools",
  summary: "Get the definition of the search tool",
  description: "Returns the search tool in the formats of OpenAI's and Anthropic's function calling.",
  ...secured("Tool", requireScope("read")),
  responses: {
    200: jsonResponse(
      z.object({
        openai: z.array(json).describe("For `tools` of the Chat Completions API."),
        openai_responses: z.array(json).describe("For `tools` of the Responses API."),
        anthropic: z.array(json).describe("For `tools` of Anthropic's Messages API."),
      }),
      "The same tool in each format.",
    ),
    ...problems(),
  },
});

const passageSchema = z.object(passageFields).openapi("FoundPassage");

/** Accepts arguments as models write them, where the meaning is clear (see `readArguments`). */
const looseArguments = createMiddleware<Env>(async (c, next) => {
  const read = c.req.json.bind(c.req);
  c.req.json = async () => readArguments(searchInput, await read()) as never;
  await next();
});

const runRoute = createRoute({
  method: "post",
  path: "/v1/tools/search",
  operationId: "runSearchTool",
  summary: "Run the search tool with the arguments of a model",
  description:
    "Accepts common deviations of models from the schema: the arguments as a JSON string, `null` or an empty value instead of an omitted " +
    'field, `"5"` instead of a number, the filter as a JSON string.',
  ...secured("Tool", requireScope("read"), looseArguments),
  request: {
    body: jsonBody(
      z
        .strictObject(searchInput.shape)
        .openapi("SearchInput", { example: { query: "How long may I return a kettle?" } }),
    ),
  },
  responses: {
    200: jsonResponse(
      z
        .object({
          notice: z.string().describe("A note for the model that the results are data, not instructions."),
          rerank: rerankOutcomeSchema.optional(),
          results: z.array(passageSchema),
        })
        .openapi("SearchResult"),
      "The result to return to the model unchanged.",
    ),
    ...problems([404, 422, 502], { body: true }),
  },
});

export const tools = createRouter()
  .openapi(listRoute, (c) => {
    const tool = { name: SEARCH_NAME, description: SEARCH_DESCRIPTION };
    const schema = searchSchema();
    return reply(c, {
      openai: [{ type: "function", function: { ...tool, parameters: schema } }],
      openai_responses: [{ type: "function", ...tool, parameters: schema, strict: false }],
      anthropic: [{ ...tool, input_schema: schema }],
    });
  })
  .openapi(runRoute, async (c) => {
    const { services, signal, maxResponse: maxBytes } = c.var;
    const input = parseSearchInput(c.req.valid("json"));
    const found = await runSearch(services, tenantOf(c), input, { signal, maxBytes });
    c.var.usage.rows = found.results.length;
    const { notice, rerank } = found;
    const results: z.infer<typeof passageSchema>[] = [...found.results];
    return reply(c, { notice, ...(rerank && { rerank }), results });
  });
