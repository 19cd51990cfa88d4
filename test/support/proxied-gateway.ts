import { setTimeout as sleep } from "node:timers/promises";
import { readStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import type { Phase } from "@cairn/chroma/gateway/phase.ts";
import { type OpenGateway, openGateway } from "@cairn/chroma/gateway/route/open.ts";
import type { SQL } from "drizzle-orm";
import { afterAll, inject } from "vitest";
import { type DatabaseFixture, useServer } from "./fixture.ts";
import { useGateway } from "./gateway.ts";
import { type Comparable, ownerRows, readCairn } from "./migration.ts";
import { startHttpProxy } from "./proxy.ts";

/** A gateway with a proxy between it and the shared Chroma server, and what tests of one tenant's cut-over read. */
export function useProxiedGateway(testDatabase: DatabaseFixture) {
  const proxy = useServer(() => startHttpProxy(inject("chromaUrl")));
  const gateway = useGateway(testDatabase, { chromaUrl: () => proxy.url });
  const others: OpenGateway[] = [];
  afterAll(() => Promise.all(others.map((other) => other.close())));
  const status = (tenant: string) => readStatus(testDatabase.database, tenant);
  return {
    ...gateway,
    get key() {
      return gateway.key; // the spread reads it before it exists
    },
    proxy,
    /** Opens the gateway of a second process, which also replicates. */
    openSecond(): OpenGateway {
      const { services } = testDatabase;
      const chroma = { url: inject("chromaUrl") };
      const other = openGateway(services, { chroma, onError: (error) => gateway.errors.push(error) });
      others.push(other);
      return other;
    },
    /** Enters the next phases up to this one, each as soon as its conditions hold. */
    async enterUpTo(tenant: string, phase: Phase): Promise<void> {
      for (let current = await status(tenant); current?.phase !== phase; ) current = await gateway.enter(tenant);
    },
    /** Waits until all records were compared once, so that later differences are not repaired by that. */
    compared: (tenant: string) => until(async () => (await status(tenant))?.compared?.identical),
    /** Waits until the replica has every recorded change. */
    drained: (tenant: string) => until(async () => (await status(tenant))?.journal.changes === 0),
    /** The records in Cairn, by id. */
    async inCairn(tenant: string, collection: string): Promise<Record<string, Comparable>> {
      const { tenant: found } = (await status(tenant)) ?? {};
      return readCairn(testDatabase.database, found?.id ?? "", collection);
    },
    rows: <Row extends object>(statement: SQL) => ownerRows<Row>(testDatabase.database, statement),
  };
}

/** Waits until it is true, for two minutes at most. */
export async function until(isTrue: () => Promise<unknown>): Promise<void> {
  for (const deadline = Date.now() + 120_000; !(await isTrue()); ) {
    if (Date.now() > deadline) throw new Error(`not within two minutes: ${isTrue}`);
    await sleep(30);
  }
}
