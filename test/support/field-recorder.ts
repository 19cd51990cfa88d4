import type { ApiResponse, CallOptions, TestApi } from "./api.ts";
import { readDescription } from "./openapi.ts";

export interface FieldRecorder {
  /** Calls the API and records the fields of successful calls. */
  call(method: string, path: string, options?: CallOptions): Promise<ApiResponse>;
  /** Operations without a successful call, and fields and parameters that no successful call had, such as `query top_k`. */
  missing(): string[];
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
      for (const [name, value] of Object.entries(options.body ?? {}))
        if (value !== undefined) fields.add(name);
      return response;
    },
    missing: () =>
      operations.flatMap(({ operationId, parameters, body }) => {
        const fields = recorded.get(operationId);
        if (!fields) return [operationId];
        const described = parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name);
        return [...described, ...Object.keys(body?.properties ?? {})]
          .filter((name) => !fields.has(name))
          .map((name) => `${operationId} ${name}`);
      }),
  };
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`);
}
