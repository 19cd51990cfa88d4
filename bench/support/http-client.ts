import { Agent, request } from "node:http";

/** Sends a request and returns the body of the response as text. */
export type Send = (method: "GET" | "POST", url: string, body?: string) => Promise<string>;

/** Node's plain HTTP client with keep-alive, which uses little CPU and leaves it to the servers. */
export function httpClient(connections: number, headers: Readonly<Record<string, string>> = {}): Send {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return (method, url, body) =>
    new Promise((resolve, reject) => {
      const options = { method, agent, headers: { ...headers, "Content-Type": "application/json" } };
      const outgoing = request(url, options, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(parts).toString();
          if ((response.statusCode ?? 500) < 300) resolve(text);
          else reject(new Error(`${new URL(url).host} responded ${response.statusCode}: ${text.slice(0, 500)}`));
        });
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    });
}
