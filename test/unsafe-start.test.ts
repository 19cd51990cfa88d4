import { join } from "node:path";
import { connect } from "@cairn/core/database/connect.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";
import { serverUrl } from "./support/database.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { startNeonRelay } from "./support/neon-relay.ts";

// Every entry point checks the isolation of its database before it does anything else.

const REFUSAL = "Refusing to start: row-level security is not forced on cairn.tenants.";

const force = (database: Database, forced: boolean) =>
  database.transaction(({ script }) =>
    script(`ALTER TABLE cairn.tenants ${forced ? "" : "NO "}FORCE ROW LEVEL SECURITY`),
  );

describe("the command line", () => {
  const cli = useCairnCli();
  beforeAll(async () => {
    expect((await cli.run(["db", "migrate"])).code).toBe(0);
  });

  /** Opens the database only briefly, because one process at a time can use the embedded database. */
  async function setForced(forced: boolean): Promise<void> {
    const database = await connect({ url: cli.databaseUrl, directory: join(cli.folder, ".cairn") });
    await force(database, forced).finally(() => database.close());
  }

  test("refuses a database in which a tenant could read another tenant's rows, and accepts it once fixed", async () => {
    await setForced(false);
    expect(await cli.run(["tenants", "create", "acme"])).toMatchObject({
      code: 1,
      err: expect.stringContaining(REFUSAL),
    });
    await setForced(true);
    expect(await cli.run(["tenants"])).toMatchObject({
      code: 0,
      out: expect.not.stringContaining("acme"),
    });
  });
});

describe.runIf(serverUrl())("the functions", () => {
  const testDatabase = useTestDatabase();

  test("on Lambda refuse such a database at every event until it is fixed", async () => {
    vi.stubEnv("SST_RESOURCE_DatabaseUrl", JSON.stringify({ value: testDatabase.url }));
    const { openService } = await import("@cairn/functions/aws/service.ts"); // SST reads the environment here
    await force(testDatabase.database, false);
    for (let event = 0; event < 2; event++)
      await expect(openService()).rejects.toMatchObject({
        code: "unsafe_role",
        message: expect.stringContaining(REFUSAL),
      });
    await force(testDatabase.database, true);
    const { services } = await openService();
    await services.database.close();
  });

  test("on Cloudflare refuse such a database at every event until it is fixed", async () => {
    const relay = await startNeonRelay();
    onTestFinished(() => relay.stop());
    const { default: worker } = await import("@cairn/functions/cloudflare/worker.ts");
    const queue = { send: async () => {} };
    const ASSETS = { fetch: async () => new Response(null, { status: 404 }) };
    const env = { DatabaseUrl: testDatabase.url, JOBS: queue, DEAD_JOBS: queue, ASSETS };
    const context = { waitUntil() {}, passThroughOnException() {}, props: {} };
    const events = [
      () => worker.fetch(new Request("http://api/ready"), env, context),
      () => worker.scheduled({}, env),
      () => worker.queue({ messages: [] }, env),
    ];
    await force(testDatabase.database, false);
    for (const send of events)
      await expect(send()).rejects.toMatchObject({
        code: "unsafe_role",
        message: expect.stringContaining(REFUSAL),
      });
    await force(testDatabase.database, true);
    await worker.queue({ messages: [] }, env);
  });
});
