import type { ApiResponse, CallOptions, TestApi } from "./api.ts";
import { readDescription } from "./openapi.ts";

/** The test file of packages/api/routes that covers an operation, or `elsewhere`. */
export type RouteTest =
  | "documents"
  | "read-documents"
  | "query"
  | "explore"
  | "collections"
  | "jobs"
  | "tenants"
  | "elsewhere";

/** By path. The first match counts. */
const OPERATIONS: readonly (readonly [RegExp, RouteTest])[] = [
  [/^\/v1\/(documents\/bulk|reindex|jobs)\b/, "jobs"],
  [/^\/v1\/documents\/(get|count)\b/, "read-documents"],
  [/^\/v1\/documents\b/, "documents"],
  [/^\/v1\/(query\/explain|collections\/\{collection\}\/metadata)\b/, "explore"],
  [/^\/v1\/(query|tools|chat)\b/, "query"],
  [/^\/v1\/usage\b/, "tenants"],
  [/^\/v1\/(collections|stats)\b/, "collections"],
  [/^\/(v1\/tenants|v1\/keys|health|ready)\b/, "tenants"],
  [/^\/v1\/(identity|overview|configuration)\b/, "elsewhere"], // packages/api/routes/overview.test.ts
  [/^\/v1\/evaluations\b/, "elsewhere"], // packages/api/routes/evaluations.test.ts
  [/^\/v1\/files\b/, "elsewhere"], // packages/api/routes/files.test.ts
  [/^\/v1\/migrations\b/, "elsewhere"], // packages/api/jobs.test.ts
  [/^\/v1\/namespaces\b/, "elsewhere"], // packages/chroma/service/namespaces/routes.test.ts
  [/^\/v1\/cutover\b/, "elsewhere"], // packages/chroma/service/cutover/routes.test.ts
];

/** Fields that another file covers than the rest of the operation. */
const FIELDS: Readonly<Record<string, RouteTest>> = {
  "getDocument first_passage": "query",
  "getDocument passages": "query",
  "getDocument include": "read-documents",
  "listDocuments include": "read-documents",
  "listDocuments where_document": "read-documents",
  "chat stream": "elsewhere", // packages/api/chat-stream.test.ts
  // packages/api/rerank.test.ts
  "query rerank": "elsewhere",
  "query expand": "elsewhere",
  "runSearchTool rerank": "elsewhere",
  "runSearchTool expand": "elsewhere",
  "chat rerank": "elsewhere",
  "chat expand": "elsewhere",
  // packages/api/routes/evaluations.test.ts
  "reindex evaluate": "elsewhere",
  "reindex max_drop": "elsewhere",
};

export interface FieldRecorder {
  /** Calls the API and records the fields of successful calls. */
  call(method: string, path: string, options?: CallOptions): Promise<ApiResponse>;
  /**
   * Of the operations, parameters and fields that the file must cover, those that no successful call had, such as
   * `query top_k`. Throws if no file covers an operation, and if a call had one that is listed as covered `elsewhere`.
   */
  missing(file: RouteTest): string[];
}

/** Records which fields and parameters of the described operations a test has sent. */
export async function recordFields(api: TestApi): Promise<FieldRecorder> {
  const { operations } = await readDescription(api);
  const recorded = new Map<string, Set<string>>();
  const find = (method: string, pathname: string) =>
    operations.find((operation) => operation.method === method && patternOf(operation.path).test(pathname));
  return {
    async call(method, path, options = {}) {
      const response = await api.call(method, path, options);
      const { pathname, searchParams } = new URL(path, "http://cairn");
      const operation = find(method, pathname);
      if (!operation) throw new Error(`The API does not describe the operation ${method} ${pathname}.`);
      if (response.status >= 300) return response;
      const fields = recorded.get(operation.operationId) ?? new Set();
      recorded.set(operation.operationId, fields);
      for (const name of searchParams.keys()) fields.add(name);
      for (const [name, value] of Object.entries(options.body ?? {})) if (value !== undefined) fields.add(name);
      return response;
    },
    missing: (file) =>
      operations.flatMap(({ operationId, path, parameters, body }) => {
        const fields = recorded.get(operationId);
        const owner = ownerOf(path);
        for (const name of fields ?? [])
          if ((FIELDS[`${operationId} ${name}`] ?? owner) === "elsewhere")
            throw new Error(
              `${operationId} ${name} is covered here. Correct its entry in test/support/field-recorder.ts.`,
            );
        const described = parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name);
        const missingFields = [...described, ...Object.keys(body?.properties ?? {})]
          .filter((name) => !fields?.has(name))
          .map((name) => `${operationId} ${name}`)
          .filter((field) => (FIELDS[field] ?? owner) === file);
        return owner === file && !fields ? [operationId, ...missingFields] : missingFields;
      }),
  };
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`);
}

function ownerOf(path: string): RouteTest {
  const owner = OPERATIONS.find(([pattern]) => pattern.test(path))?.[1];
  if (owner) return owner;
  throw new Error(`No test file covers ${path}. Add the path to OPERATIONS in test/support/field-recorder.ts.`);
}
