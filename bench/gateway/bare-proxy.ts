import { fork } from "node:child_process";
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** Starts a process that passes every request on and does nothing else: the least that a gateway in Node can cost. */
export async function startBareProxy(target: string) {
  const child = fork(import.meta.filename, [target]);
  const [port] = (await once(child, "message")) as [number];
  return { url: `http://127.0.0.1:${port}`, stop: () => void child.kill("SIGTERM") };
}

function serve(target: string): void {
  const { hostname: host, port } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  const server = createServer((asked, answer) => {
    const { method, url: path, headers } = asked;
    const passed = request({ host, port, method, path, headers, agent }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    passed.on("error", (error) => answer.destroy(error));
    asked.pipe(passed);
  });
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
}

if (process.argv[1] === import.meta.filename) serve(process.argv[2] ?? "");
