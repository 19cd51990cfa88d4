import type { TestApi } from "./api.ts";

export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly format?: string;
  readonly example?: unknown;
}

interface Content {
  readonly [type: string]: { readonly schema: JsonSchema };
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly schema: JsonSchema;
}

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly secured: boolean;
  readonly parameters: readonly Parameter[];
  readonly body: JsonSchema | undefined;
  readonly takesFiles: boolean;
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

export interface ApiDescription {
  readonly document: object;
  readonly operations: readonly Operation[];
  readonly resolve: (schema: JsonSchema) => JsonSchema;
}

/** Every route in the service's OpenAPI description. */
export async function readDescription(api: TestApi): Promise<ApiDescription> {
  const { body: document } = await api.call("GET", "/openapi.json");
  const resolve = (schema: JsonSchema): JsonSchema =>
    schema.$ref ? document.components.schemas[schema.$ref.split("/").at(-1) as string] : schema;
  const operations: Operation[] = [];
  for (const [path, methods] of Object.entries<Record<string, never>>(document.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const {
        operationId,
        security,
        parameters = [],
        requestBody,
        responses,
      } = operation as never as {
        readonly operationId: string;
        readonly security: readonly object[];
        readonly parameters?: readonly Parameter[];
        readonly requestBody?: { readonly content: Content };
        readonly responses: Operation["responses"];
      };
      const body = requestBody?.content["application/json"]?.schema;
      operations.push({
        method: method.toUpperCase(),
        path,
        operationId,
        secured: security.length > 0,
        parameters,
        body: body && resolve(body),
        takesFiles: requestBody?.content["multipart/form-data"] !== undefined,
        responses,
      });
    }
  return { document, operations, resolve };
}
