import { jsonSchema, tool } from "ai";
import { type Client, read } from "./client.ts";
import { bigintsToText } from "./exact-json.ts";
import type { SearchOptions } from "./search.ts";

type Input = {
  readonly query: string;
  readonly top_k?: number;
};

/**
 * A tool for the AI SDK: `generateText({ model, tools: { search: cairnSearch(client) }, prompt })`. The model chooses the
 * words and how many passages it wants; where to look is the caller's. Integers beyond 2^53 are strings of digits.
 */
export function cairnSearch(client: Client, options: Omit<SearchOptions, "mode"> = {}) {
  return tool({
    description:
      "Searches the organisation's knowledge base and returns the passages that answer best, each with the id of its document, to be cited.",
    inputSchema: jsonSchema<Input>({
      type: "object",
      properties: {
        query: {
          type: "string",
          minLength: 1,
          description: "What to look for: a question or a few words, in full.",
        },
        top_k: { type: "integer", minimum: 1, maximum: 50, description: "Passages at most." },
      },
      required: ["query"],
      additionalProperties: false,
    }),
    execute: async ({ query, top_k = options.topK }) => {
      const found = await read(
        client.v1.tools.search.$post({
          json: {
            query,
            top_k,
            collection: options.collection,
            filter: options.filter,
            group_by: options.groupBy,
          },
        }),
      );
      return bigintsToText(found);
    },
  });
}
