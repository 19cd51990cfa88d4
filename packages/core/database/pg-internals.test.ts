import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { startTcpProxy, type TcpProxy } from "../../../test/support/proxy.ts";
import { pipeline, runBatch, serverProcessId } from "./pg-internals.ts";

describe.runIf(serverUrl())("what the product uses of node-postgres beyond its published interface", () => {
  let proxy: TcpProxy;
  let pool: pg.Pool;
  let client: pg.PoolClient;
  let sent: Buffer[] = [];
  beforeAll(async () => {
    const url = new URL(serverUrl() as string);
    proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port || 5432) });
    Object.assign(url, { hostname: "127.0.0.1", port: String(proxy.port) });
    pool = new pg.Pool({ connectionString: url.href, max: 1, pipeline: true } as pg.PoolConfig);
    client = await pool.connect();
    proxy.onSend = (chunk) => {
      sent.push(chunk);
      return undefined;
    };
  });
  afterAll(async () => {
    client?.release();
    await pool?.end();
    await proxy?.stop();
  });

  /** The types of the messages that `work` sends, one string a write to the socket. */
  async function messagesOf(work: () => Promise<unknown>): Promise<readonly string[]> {
    sent = [];
    await work().catch(() => {});
    return sent.map((chunk) => {
      let types = "";
      for (let at = 0; at < chunk.length; at += 1 + chunk.readInt32BE(at + 1)) types += chr(chunk, at);
      return types;
    });
  }
  const chr = (chunk: Buffer, at: number) => String.fromCharCode(chunk[at] as number);

  test("a batch ends with its only Sync, and parameters can be bytes", async () => {
    const bytes = Buffer.from([0, 1, 255]);
    const statements = [
      { text: "SELECT $1::int AS a", values: [7] },
      { text: "SELECT $1::bytea AS b", values: [bytes] },
      { text: "SELECT 1 AS c WHERE false" },
    ];
    let results: readonly pg.QueryResult<object>[] = [];
    const messages = await messagesOf(async () => {
      results = await pipeline(client, () => [runBatch(client, statements)]).then(([batch]) => batch as never);
    });
    expect(messages).toEqual(["PBDEPBDEPBDES"]);
    expect(results.map(({ rows }) => rows)).toEqual([[{ a: 7 }], [{ b: bytes }], []]);
  });

  test("a prepared statement is parsed once, and closed by name", async () => {
    const statement = { text: "SELECT $1::int AS a", values: [1], name: "contract" };
    const run = (parsed: boolean, closed: readonly string[] = []) =>
      messagesOf(() => pipeline(client, () => [runBatch(client, [{ ...statement, parsed }], closed)]));
    expect(await run(false)).toEqual(["CPBDES"]);
    expect(await run(true)).toEqual(["BDES"]);
    await runBatch(client, [{ text: "SELECT 1" }], ["contract"]);
    await expect(runBatch(client, [{ ...statement, parsed: true }])).rejects.toMatchObject({ code: "26000" });
  });

  test("statements after a failed one do not run, and the connection stays usable", async () => {
    await expect(
      runBatch(client, [
        { text: "CREATE TEMP TABLE contract_batch ()" },
        { text: "SELECT 1 / $1::int", values: [0] },
        { text: "SELECT pg_sleep(60)" },
      ]),
    ).rejects.toMatchObject({ code: "22012" });
    const [result] = await runBatch(client, [{ text: "SELECT to_regclass('contract_batch') IS NULL AS undone" }]);
    expect(result?.rows).toEqual([{ undone: true }]);
  });

  test("a value that cannot be encoded is refused before anything is sent", async () => {
    const value = {
      toPostgres: () => {
        throw new Error("no text form");
      },
    };
    expect(() => runBatch(client, [{ text: "SELECT 1" }, { text: "SELECT $1", values: [value] }])).toThrow(
      "no text form",
    );
    expect((await runBatch(client, [{ text: "SELECT 1 AS a" }]))[0]?.rows).toEqual([{ a: 1 }]);
  });

  test("pipelined queries leave in one write, before the first is answered", async () => {
    const queries = () => ["BEGIN", "SELECT 1", "COMMIT"].map((text) => client.query(text));
    expect(await messagesOf(() => pipeline(client, queries))).toEqual(["QQQ"]);
  });

  test("the process id is the server's", async () => {
    const { rows } = await client.query("SELECT pg_backend_pid() AS pid");
    expect(serverProcessId(client)).toBe(rows[0].pid);
  });
});
