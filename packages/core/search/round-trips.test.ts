import { beforeAll, describe, expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { startNeonRelay } from "../../../test/support/neon-relay.ts";
import { startTcpProxy } from "../../../test/support/proxy.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { createCollection } from "../collection/create.ts";
import { connectNeon } from "../database/neon.ts";
import { connectPg } from "../database/pg.ts";
import { ingest } from "../document/ingest.ts";
import { query } from "./query.ts";

describe.runIf(serverUrl())("a search in a cached collection takes one round trip", () => {
  const own = useTestDatabase();
  const tenantId = useTenant(own);
  beforeAll(async () => {
    await createCollection(own.database, tenantId, { embeddingModel: "offline/words", dimensions: 1536 });
    await ingest(own.services, tenantId, { documents: [{ id: "d", content: "kettle" }] });
  });

  const MODES = ["vector", "keyword", "hybrid"] as const;

  test("through node-postgres: one write", async () => {
    const { hostname, port } = new URL(own.url as string);
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    const url = Object.assign(new URL(own.url as string), {
      hostname: "127.0.0.1",
      port: String(proxy.port),
    });
    const database = connectPg({ url: url.href, connections: 1 });
    let writes = 0;
    proxy.onSend = () => {
      writes++;
      return undefined;
    };
    const search = async (mode: (typeof MODES)[number]) => {
      const before = writes;
      expect(await query(offlineServices(database), tenantId, { text: "kettle", mode })).toHaveLength(1);
      return writes - before;
    };
    try {
      await search("vector");
      for (const mode of MODES) for (let turn = 0; turn < 4; turn++) expect(await search(mode)).toBe(1);
    } finally {
      await database.close();
      await proxy.stop();
    }
  });

  test("through Neon's driver: one request, and no WebSocket", async () => {
    const relay = await startNeonRelay();
    const database = connectNeon({ url: own.url as string });
    const search = (mode: (typeof MODES)[number]) =>
      query(offlineServices(database), tenantId, { text: "kettle", mode });
    try {
      await search("vector");
      for (const mode of MODES) {
        const { http, sockets } = { ...relay.counts };
        expect(await search(mode)).toHaveLength(1);
        expect({ ...relay.counts }).toEqual({ http: http + 1, sockets });
      }
    } finally {
      await database.close();
      await relay.stop();
    }
  });
});
