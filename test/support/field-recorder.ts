import type { ApiResponse, CallOptions, TestApi } from "./api.ts";
import { readDescription } from "./openapi.ts";

export interface FieldRecorder {
  /** The API's own call, noted where it has done its work. */
  call(method: string, path: string, options?: CallOptions): Promise<ApiResponse>;
  /** Operations that have not done their work, and fields and parameters with which they have not: `query top_k`. */
  missing(): string[];
}

/** Notes which fields and parameters of the operations that are described a test has sent. */
export async function recordFields(api: TestApi): Promise<FieldRecorder> {
  const { operations } = await readDescription(api);
  const noted = new Map<string, Set<string>>();
  const find = (method: string, pathname: string) =>
    operations.find((one) => one.method === method && patternOf(one.path).test(pathname));
  return {
    async call(method, path, options = {}) {
      const answer = await api.call(method, path, options);
      const { pathname, searchParams } = new URL(path, "http://cairn");
      const operation = find(method, pathname);
      if (!operation) throw new Error(`There is no operation ${method} ${pathname}.`);
      if (answer.status >= 300) return answer;
      const fields = noted.get(operation.operationId) ?? new Set();
      noted.set(operation.operationId, fields);
      for (const name of searchParams.keys()) fields.add(name);
      for (const [name, value] of Object.entries(options.body ?? {}))
        if (value !== undefined) fields.add(name);
      return answer;
    },
    missing: () =>
      operations.flatMap(({ operationId, parameters, body }) => {
        const fields = noted.get(operationId);
        if (!fields) return [operationId];
        const described = parameters.filter((one) => one.in === "query").map(({ name }) => name);
        return [...described, ...Object.keys(body?.properties ?? {})]
          .filter((name) => !fields.has(name))
          .map((name) => `${operationId} ${name}`);
      }),
  };
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`);
}
