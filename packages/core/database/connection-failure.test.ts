import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { onServer, serverUrl, withDatabase } from "../../../test/support/database.ts";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { loggableText, rejectionOf } from "../../../test/support/rejection.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { createCollection } from "../collection/create.ts";
import { ingest } from "../document/ingest.ts";
import { query } from "../search/query.ts";
import { createTenant } from "../tenant/tenant.ts";
import { connect } from "./connect.ts";
import { connectFailure } from "./failure.ts";
import { connectPg } from "./pg.ts";
import { selectRows } from "./rows.ts";

const CANARY = "canary-7f3a";

const own = useTestDatabase();

test.each([
  ["a port without a server", "postgres://user:hush-hush@127.0.0.1:9/db", "ECONNREFUSED"],
  ["a host that does not exist", "postgres://user:hush-hush@nowhere.invalid/db", /ENOTFOUND|EAI_AGAIN/],
  ["a password with a broken escape", "postgres://user:hush-hush%zz@127.0.0.1:9/db", /./],
  [
    "a certificate file that is missing",
    "postgres://user:hush-hush@127.0.0.1:9/db?sslrootcert=/nowhere",
    /cannot be read \(ENOENT\).*sslrootcert/,
  ],
])("%s is database_unavailable, and the error does not contain the password", async (_, url, reason) => {
  let error: unknown;
  try {
    const database = await connect({ url });
    error = await rejectionOf(database.transaction(({ orm }) => orm.execute(sql`SELECT 1`)));
    await database.close();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: "database_unavailable", message: expect.stringMatching(reason) });
  expect(loggableText(error)).not.toContain("hush-hush");
});

test("a URL of another database system is refused before a connection is opened, without its password", async () => {
  const error = await rejectionOf(connect({ url: "mysql://user:hush-hush@127.0.0.1/db" }));
  expect(error).toMatchObject({ code: "invalid_input", path: "databaseUrl" });
  expect(loggableText(error)).not.toContain("hush-hush");
});

describe.runIf(serverUrl())("on a server", () => {
  const rows = (url: string, statement: ReturnType<typeof sql>) => {
    const database = connectPg({ url, connections: 1 });
    return database.transaction(({ orm }) => selectRows(orm, statement)).finally(() => database.close());
  };

  test("a login that does not exist and a database that does not exist are database_unavailable", async () => {
    const url = new URL(own.url as string);
    url.username = `nobody_${CANARY}`;
    for (const target of [url.href, withDatabase(own.url as string, "cairn_no_such_database")])
      await expect(rows(target, sql`SELECT 1`)).rejects.toMatchObject({
        code: "database_unavailable",
        message: expect.stringMatching(/refused the login \((28000|3D000)\)/),
      });
  });

  test("a connection killed during a transaction is database_unavailable, nothing is written, and the pool recovers", async () => {
    const database = connectPg({ url: own.url as string, connections: 1 });
    try {
      const attempt = database.transaction(async ({ orm, script }) => {
        await script("CREATE TABLE public.killed ()");
        const [me] = await selectRows<{ pid: number }>(orm, sql`SELECT pg_backend_pid() AS pid`);
        await onServer(own.url as string, `SELECT pg_terminate_backend(${me?.pid})`);
        await orm.execute(sql`SELECT 1`);
      });
      expect((await rejectionOf(attempt)).code).toBe("database_unavailable");
      const after = await database.transaction(({ orm }) =>
        selectRows(orm, sql`SELECT to_regclass('public.killed') IS NULL AS gone`),
      );
      expect(after).toEqual([{ gone: true }]);
    } finally {
      await database.close();
    }
  });

  test("a connection killed while idle or between two statements does not end the process, and the pool recovers", async () => {
    const database = connectPg({ url: own.url as string, connections: 1 });
    const pid = () =>
      database.transaction(
        async ({ orm }) => (await selectRows<{ pid: number }>(orm, sql`SELECT pg_backend_pid() AS pid`))[0]?.pid,
      );
    try {
      const idle = await pid();
      await onServer(own.url as string, `SELECT pg_terminate_backend(${idle})`);
      await expect.poll(pid, { timeout: 5_000 }).not.toBe(idle);
      const attempt = database.transaction(async ({ orm }) => {
        const [me] = await selectRows<{ pid: number }>(orm, sql`SELECT pg_backend_pid() AS pid`);
        await onServer(own.url as string, `SELECT pg_terminate_backend(${me?.pid})`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        return "has not noticed";
      });
      expect((await rejectionOf(attempt)).code).toBe("database_unavailable");
      expect(await pid()).toEqual(expect.any(Number));
    } finally {
      await database.close();
    }
  });

  test("a pool without a free connection fails within the connect timeout", async () => {
    const database = connectPg({ url: own.url as string, connections: 1, connectTimeout: 1_000 });
    try {
      await database.transaction(async () => {
        const error = await rejectionOf(database.transaction(({ orm }) => orm.execute(sql`SELECT 1`)));
        expect(error.code).toBe("database_unavailable");
      });
    } finally {
      await database.close();
    }
  });

  test("a replica answers searches and lists, and its error for a write names the primary", async () => {
    const services = own.services;
    const { id } = await createTenant(own.database, { name: "read elsewhere" });
    await createCollection(own.database, id, { embeddingModel: "offline/words", dimensions: 32 });
    await ingest(services, id, { documents: [{ id: "hours", content: "open from nine" }] });
    const url = new URL(own.url as string);
    url.searchParams.set("options", "-c default_transaction_read_only=on"); // as every transaction of a replica is
    const replica = connectPg({ url: url.href });
    try {
      const onReplica = offlineServices(replica);
      expect(await query(onReplica, id, { text: "nine", mode: "hybrid" })).toMatchObject([{ id: "hours" }]);
      const error = await rejectionOf(ingest(onReplica, id, { documents: [{ id: "x", content: "y" }] }));
      expect(error).toMatchObject({
        code: "database_unavailable",
        message: expect.stringMatching(/is read-only.*replica.*default_transaction_read_only is on/),
      });
    } finally {
      await replica.close();
    }
  });

  test("a lock timeout is database_timeout, and a deadlock is database_busy", async () => {
    const database = connectPg({ url: own.url as string, connections: 2 });
    try {
      await database.transaction(async ({ orm }) => {
        await orm.execute(sql`SELECT pg_advisory_xact_lock(41)`);
        const waiting = database.transaction(async (other) => {
          await other.script("SET LOCAL lock_timeout = 30");
          await other.orm.execute(sql`SELECT pg_advisory_xact_lock(41)`);
        });
        expect((await rejectionOf(waiting)).code).toBe("database_timeout");
      });
      const bothLocked = Promise.withResolvers<void>();
      let lockCount = 0;
      const locks = (first: number, second: number) =>
        database.transaction(async ({ orm }) => {
          await orm.execute(sql`SELECT set_config('deadlock_timeout', '50ms', true)`);
          await orm.execute(sql`SELECT pg_advisory_xact_lock(${first}::bigint)`);
          if (++lockCount === 2) bothLocked.resolve();
          await bothLocked.promise;
          await orm.execute(sql`SELECT pg_advisory_xact_lock(${second}::bigint)`);
        });
      const [a, b] = await Promise.allSettled([locks(1, 2), locks(2, 1)]);
      const failed = [a, b].filter((outcome) => outcome.status === "rejected");
      expect(failed).toMatchObject([{ reason: { code: "database_busy" } }]);
    } finally {
      await database.close();
    }
  });
});

test.each([
  [
    new Error("SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string"),
    /asks for a password.*postgres:\/\/user:password@/,
  ],
  [Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }), /sslrootcert=ca\.pem/],
  [new Error("The server does not support SSL connections"), /sslmode=disable/],
])("%s while connecting says what to change in the connection string", (error, message) => {
  expect(connectFailure(error)).toMatchObject({
    code: "database_unavailable",
    message: expect.stringMatching(message),
  });
});
