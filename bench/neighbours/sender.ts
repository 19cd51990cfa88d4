import { Agent, request } from "node:http";

export interface BenchRequest {
  readonly path: string;
  readonly key: string;
  readonly method?: string;
  readonly body?: string;
}

export interface BenchResponse {
  /** 0: the connection failed. */
  readonly status: number;
  readonly retryAfter: boolean;
}

export type Sender = (request: BenchRequest) => Promise<BenchResponse>;

/** A function that sends requests to a service and discards the response bodies. */
export function createSender(url: string): Sender {
  const agent = new Agent({ keepAlive: true });
  return ({ path, key, method = "POST", body }) =>
    new Promise((resolve) => {
      const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
      const outgoing = request(new URL(path, url), { method, agent, headers }, (response) => {
        response.resume();
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfter: response.headers["retry-after"] !== undefined,
          }),
        );
        response.on("error", () => resolve({ status: 0, retryAfter: false }));
      });
      outgoing.on("error", () => resolve({ status: 0, retryAfter: false }));
      outgoing.end(body);
    });
}
