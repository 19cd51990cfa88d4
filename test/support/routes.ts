import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { expect } from "vitest";
import { useTestApi } from "./api.ts";
import { startChatApi } from "./chat-api.ts";
import { startEmbeddingApi } from "./embedding-api.ts";
import { type RouteTest, recordFields } from "./field-recorder.ts";
import { useResource, useServer, useTestDatabase } from "./fixture.ts";

type Identified = { readonly id: string };
export const idsOf = (documents: readonly Identified[]) => documents.map(({ id }) => id);

export const DIRECTIONS = [
  {
    id: "east",
    content: "the kettle boils",
    embedding: [1, 0, 0],
    metadata: { topic: "a" },
    uri: "x://east",
  },
  { id: "far", content: "a spoon", embedding: [9, 9, 9], metadata: { topic: "a" } },
  { id: "north", content: "the kettle whistles", embedding: [0, 1, 0], metadata: { topic: "b" } },
];

export const base64Of = (vector: readonly number[]) => Buffer.from(Float32Array.from(vector).buffer).toString("base64");

/** The service with its models and a tenant, and calls whose fields are recorded, for the tests of the file. */
export function useRoutes() {
  const testDatabase = useTestDatabase();
  const embeddings = useServer(startEmbeddingApi);
  const chat = useServer(startChatApi);
  const api = useTestApi(testDatabase, () => ({
    embedding: { openai: { apiKey: "k", baseUrl: embeddings.url }, defaultModel: "offline/words" },
    chatModel: createChatModel({ model: "scripted", apiKey: "k", baseUrl: chat.url }),
    credentialCacheMs: 1,
  }));
  const recorder = useResource(() => recordFields(api));
  const tenant = useResource(() => api.addTenant("the tenant"));
  const call = (method: string, path: string, body?: object, key = tenant.key) =>
    recorder.call(method, path, { key, body });
  return {
    api,
    chat,
    tenant,
    call,
    /** Sends a request as the operator. */
    operate: (method: string, path: string, body?: object) => call(method, path, body, api.operator),
    /** Ids of the listed documents. */
    listed: async (query: string) => idsOf((await call("GET", `/v1/documents${query}`)).body.documents),
    /** Creates a collection with three vectors. */
    async fill(collection: string): Promise<void> {
      await call("POST", "/v1/collections", { name: collection, dimensions: 3, metric: "l2" });
      const written = await call("POST", "/v1/documents", { collection, documents: DIRECTIONS });
      expect(written.body).toEqual({ collection, ids: ["east", "far", "north"], passages: 3, failed: [] });
    },
    missing: (file: RouteTest) => recorder.missing(file),
  };
}
