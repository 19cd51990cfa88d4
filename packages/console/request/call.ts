import { read } from "@cairn/client/client.ts";
import { send } from "./client.ts";

export interface CallOptions {
  /** Default: GET, or POST with a body. */
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  readonly body?: object;
}

/** Sends a request of the operator that the typed client does not know, and returns the JSON of the response. Throws `CairnError`. */
export function call<T>(path: string, { body, method = body ? "POST" : "GET" }: CallOptions = {}): Promise<T> {
  const content = body && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return read<T>(send(path, { method, ...content }) as unknown as Parameters<typeof read<T>>[0]);
}
