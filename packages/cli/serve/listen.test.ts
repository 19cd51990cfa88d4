import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { listen } from "./listen.ts";
import type { ServeFlags } from "./options.ts";

/** Starts a server. `open` connects to it and collects what it sends until the connection ends. */
async function startServer(flags: Partial<ServeFlags>) {
  const all = { host: "127.0.0.1", port: 0, maxConnections: 10, ...flags } as ServeFlags;
  const { server, url } = await listen(async (request) => new Response(await request.text()), all);
  const open = () => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.on("error", () => {});
    let received = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      received += text;
    });
    // Not `once`, which fails if the server resets the connection while the client is writing.
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    return { socket, received: () => received, closed };
  };
  return { url, open, stop: () => new Promise((resolve) => server.close(resolve)) };
}

test("a client that sends its headers byte by byte is disconnected with 408", async () => {
  const { open, stop } = await startServer({});
  const { socket, received, closed } = open();
  const drip = setInterval(() => socket.writable && socket.write("X"), 200);
  socket.write("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
  await closed;
  clearInterval(drip);
  expect(received()).toContain("408");
  await stop();
}, 60_000);

test("a client that sends its body byte by byte is disconnected after the time limit", async () => {
  const { open, stop } = await startServer({ deadline: 100 });
  const { socket, closed } = open();
  const drip = setInterval(() => socket.writable && socket.write("x"), 200);
  const started = performance.now();
  socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  await closed;
  clearInterval(drip);
  expect(performance.now() - started).toBeGreaterThan(5_000); // not before the limit
  await stop();
}, 60_000);

test("headers that are too large get 431, and the next request succeeds", async () => {
  const { url, stop } = await startServer({});
  const large = await fetch(url, { headers: { "X-Large": "x".repeat(20_000) } });
  expect(large.status).toBe(431);
  const long = await fetch(`${url}/?q=${"x".repeat(20_000)}`);
  expect(long.status).toBe(431);
  expect((await fetch(url, { method: "POST", body: "hello" })).status).toBe(200);
  await stop();
});

test("connections beyond the maximum are closed", async () => {
  const { open, stop } = await startServer({ maxConnections: 2 });
  const connections = [open(), open()];
  await Promise.all(connections.map(({ socket }) => once(socket, "connect")));
  await sleep(100);
  const third = open();
  await third.closed;
  for (const { socket } of connections) socket.destroy();
  await stop();
});

test("a service that listens on every address gives an address that a client can use", async () => {
  const { url, stop } = await startServer({ host: "0.0.0.0" });
  expect(url).toMatch(/^http:\/\/localhost:\d+$/);
  expect((await fetch(url, { method: "POST", body: "hello" })).status).toBe(200);
  await stop();
});
