import { jsonSchema, tool } from "ai";
import { type Client, read } from "./client.ts";
import { bigintsToStrings } from "./lossless-json.ts";
import { rankingFields, type SearchOptions } from "./search.ts";

type Input = {
  readonly query: string;
  readonly top_k?: number;
};

/**
 * A tool for the AI SDK: `generateText({ model, tools: { search: cairnSearch(client) }, prompt })`. The model chooses the
 * query and the number of passages; the caller chooses the collection and the filter. Integers beyond 2^53 are strings of
 * digits.
 */
export function cairnSearch(client: Client, options: Omit<SearchOptions, "mode"> = {}) {
  return tool({
    description:
      "Searches the organisation's knowledge base and returns the best matching passages, each with the id of its document for citation.",
    inputSchema: jsonSchema<Input>({
      type: "object",
      properties: {
        query: {
          type: "string",
          minLength: 1,
          description: "The query: a complete question or a few words.",
        },
        top_k: { type: "integer", minimum: 1, maximum: 50, description: "Maximum number of passages." },
      },
      required: ["query"],
      additionalProperties: false,
    }),
    execute: async ({ query, top_k = options.topK }) => {
      const result = await read(
        client.v1.tools.search.$post({
          json: {
            query,
            top_k,
            collection: options.collection,
            filter: options.filter,
            group_by: options.groupBy,
            ...rankingFields(options),
          },
        }),
      );
      return bigintsToStrings(result);
    },
  });
}
