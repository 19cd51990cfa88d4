import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestDatabase, serverUrl, type TestDatabase } from "../../../test/support/database.ts";
import { type NeonRelay, startNeonRelay } from "../../../test/support/neon-relay.ts";
import type { Database } from "./database.ts";
import { connectNeon } from "./neon.ts";
import { selectRows } from "./rows.ts";

describe.runIf(serverUrl())("Neon's driver", () => {
  let own: TestDatabase;
  let relay: NeonRelay;
  let database: Database;
  beforeAll(async () => {
    own = await createTestDatabase();
    relay = await startNeonRelay();
    database = connectNeon({ url: own.url as string });
  });
  afterAll(async () => {
    await database?.close();
    await relay?.stop();
    await own?.drop();
  });

  const one = () => database.transaction(({ orm }) => selectRows(orm, sql`SELECT 1 AS one`));

  test.each([
    ["and the driver knows", 100],
    ["and the driver does not know yet", 0],
  ])(
    "a kept WebSocket that died while nothing ran, %s, is replaced without an error to the caller",
    async (_, pause) => {
      await one();
      const { sockets } = relay.counts;
      await one();
      expect(relay.counts.sockets, "it is kept").toBe(sockets);
      relay.cut();
      if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
      expect(await one()).toEqual([{ one: 1 }]);
      expect(relay.counts.sockets).toBe(sockets + 1);
    },
  );

  test("one that breaks under a transaction is an error, as nobody knows what came of it; the next goes on", async () => {
    const broken = database.transaction(async ({ orm }) => {
      await orm.execute(sql`SELECT 1`);
      relay.cut();
      await orm.execute(sql`SELECT 1`);
    });
    await expect(broken).rejects.toMatchObject({ code: "database_unavailable" });
    expect(await one()).toEqual([{ one: 1 }]);
  });
});
