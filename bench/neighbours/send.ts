import { Agent, request } from "node:http";

export interface Sent {
  readonly path: string;
  readonly key: string;
  readonly method?: string;
  readonly body?: string;
}

export interface Answered {
  /** 0: the connection broke. */
  readonly status: number;
  readonly retryAfter: boolean;
}

export type Sender = (sent: Sent) => Promise<Answered>;

/** Sends requests to a service and reads their answers to the end, without looking at them. */
export function createSender(url: string): Sender {
  const agent = new Agent({ keepAlive: true });
  return ({ path, key, method = "POST", body }) =>
    new Promise((resolve) => {
      const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
      const asking = request(new URL(path, url), { method, agent, headers }, (answer) => {
        answer.resume();
        answer.on("end", () =>
          resolve({
            status: answer.statusCode ?? 0,
            retryAfter: answer.headers["retry-after"] !== undefined,
          }),
        );
        answer.on("error", () => resolve({ status: 0, retryAfter: false }));
      });
      asking.on("error", () => resolve({ status: 0, retryAfter: false }));
      asking.end(body);
    });
}
