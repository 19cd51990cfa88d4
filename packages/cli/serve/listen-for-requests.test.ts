import { expect, test } from "vitest";
import { listenForRequests } from "./listen-for-requests.ts";
import type { ServeFlags } from "./options.ts";

const app = { fetch: () => new Response("served") };
const flags = { host: "127.0.0.1", port: 0, maxConnections: 10 } as ServeFlags;

test.each(["9090", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "::1:9090", ":9090"])(
  "the private address %s is refused, and the error names the setting",
  async (privateListen) => {
    const error = await listenForRequests(app, { ...flags, privateListen }).catch((reason) => reason);
    expect(error).toMatchObject({
      code: "invalid_input",
      path: "--private-listen",
      message: expect.stringContaining(`(CAIRN_PRIVATE_LISTEN) cannot be used: ${JSON.stringify(privateListen)}`),
    });
  },
);

test("an empty private address counts as unset", async () => {
  const { servers, privateUrl } = await listenForRequests(app, { ...flags, privateListen: "" });
  expect([servers.length, privateUrl]).toEqual([1, undefined]);
  for (const server of servers) server.close();
});

test("a private address in use is refused, and the error names its option", async () => {
  const { servers, url } = await listenForRequests(app, flags);
  const used = listenForRequests(app, { ...flags, privateListen: new URL(url).host });
  await expect(used).rejects.toMatchObject({ code: "invalid_input", path: "--private-listen" });
  for (const server of servers) server.close();
});
