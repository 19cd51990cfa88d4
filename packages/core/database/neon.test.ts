import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useServer, useTestDatabase } from "../../../test/support/fixture.ts";
import { startNeonRelay } from "../../../test/support/neon-relay.ts";
import type { Database } from "./database.ts";
import { connectNeon } from "./neon.ts";
import { selectRows } from "./rows.ts";

describe.runIf(serverUrl())("Neon's driver", () => {
  const own = useTestDatabase();
  const relay = useServer(startNeonRelay);
  let database: Database;
  beforeAll(() => {
    database = connectNeon({ url: own.url as string });
  });
  afterAll(() => database?.close());

  const selectOne = () => database.transaction(({ orm }) => selectRows(orm, sql`SELECT 1 AS one`));

  test.each([
    ["the driver has noticed", 100],
    ["the driver has not noticed yet", 0],
  ])(
    "a pooled WebSocket that died while idle is replaced without an error to the caller, when %s",
    async (_, pause) => {
      await selectOne();
      const { sockets } = relay.counts;
      await selectOne();
      expect(relay.counts.sockets, "the WebSocket is reused").toBe(sockets);
      relay.cut();
      if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
      expect(await selectOne()).toEqual([{ one: 1 }]);
      expect(relay.counts.sockets).toBe(sockets + 1);
    },
  );

  test("a WebSocket that breaks during a transaction is an error, and the next transaction succeeds", async () => {
    const broken = database.transaction(async ({ orm }) => {
      await orm.execute(sql`SELECT 1`);
      relay.cut();
      await orm.execute(sql`SELECT 1`);
    });
    await expect(broken).rejects.toMatchObject({ code: "database_unavailable" });
    expect(await selectOne()).toEqual([{ one: 1 }]);
  });
});
