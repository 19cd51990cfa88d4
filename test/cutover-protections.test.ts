import { setTimeout as sleep } from "node:timers/promises";
import { advance, back, requestComparison } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { sql } from "drizzle-orm";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { serverUrl } from "./support/database.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { until, useProxiedGateway } from "./support/proxied-gateway.ts";
import { always, type Fault, isFetch, isListing, type SeenRequest } from "./support/proxy.ts";

// What keeps both sides equal while a tenant moves: each protection is tested at the moment for which it exists. The race is forced by a
// proxy between the gateway and a real Chroma.

const testDatabase = useTestDatabase();
const gateway = useProxiedGateway(testDatabase);
const { send, sendToChroma } = gateway;

let tenants = 0;
let tenant: string;
let at: string;

/** A tenant in the phase `mirror` with one collection, of which both sides have the record `first`. */
beforeEach(async () => {
  tenant = `tenant${++tenants}`;
  const created = await send("POST", "/collections", { name: `tenant_${tenant}_faq` });
  at = `/collections/${created.body.id}`;
  await send("POST", `${at}/add`, record("first", 1));
  await gateway.enterUpTo(tenant, "mirror");
  await gateway.compared(tenant);
});
afterEach(() => {
  gateway.proxy.rules = [];
});

const record = (id: string, version: number) => ({
  ids: [id],
  embeddings: [[version, id.length, 0]],
  documents: [`version ${version}`],
  metadatas: [{ tag: "a" }],
});

const isSent = (action: string) => (request: SeenRequest) => request.path.endsWith(`${at}/${action}`);

/** Whether the replicator reads records. */
const isReplicated = (request: SeenRequest) => isFetch(request) && request.path.includes(at);

/** Calls `meet` once, when the first matching request arrives, and answers it with its result. */
function once(matches: (request: SeenRequest) => boolean, meet: (request: SeenRequest) => Promise<Fault | undefined>) {
  let met = false;
  gateway.proxy.rules = [
    (request) => {
      if (met || !matches(request)) return undefined;
      met = true;
      return meet(request);
    },
  ];
}

/** Chroma's answer to a request as it is now. */
async function answerNow({ method, path, body }: SeenRequest): Promise<Fault> {
  const response = await fetch(`${inject("chromaUrl")}${path}`, {
    method,
    body,
    headers: { "content-type": "application/json" },
  });
  return { kind: "answer", status: response.status, body: await response.text() };
}

async function documents(): Promise<Record<string, string | null>> {
  const all = await gateway.inCairn(tenant, "faq");
  return Object.fromEntries(Object.entries(all).map(([id, { document }]) => [id, document]));
}

async function documentsInChroma(): Promise<Record<string, string | null>> {
  const { ids, documents: texts } = (await sendToChroma("POST", `${at}/get`, {})).body;
  return Object.fromEntries(ids.map((id: string, index: number) => [id, texts[index]]));
}

describe("while Chroma decides", () => {
  test("a write whose answer is lost reaches Cairn", async () => {
    once(isSent("add"), async () => ({ kind: "cut", after: 0 }));
    expect((await send("POST", `${at}/add`, record("lost", 1))).status).toBe(502);
    expect(await documentsInChroma()).toMatchObject({ lost: "version 1" });
    await until(async () => (await documents()).lost === "version 1");
  });

  test("a write that is recorded while its record is replicated is replicated again", async () => {
    once(isReplicated, async (request) => {
      const early = await answerNow(request);
      await send("POST", `${at}/upsert`, record("first", 3));
      return early;
    });
    await send("POST", `${at}/upsert`, record("first", 2));
    await until(async () => (await documents()).first === "version 3");
    await gateway.drained(tenant);
  });

  test("a write that takes long is replicated after Chroma has applied it", async () => {
    once(isSent("add"), async () => {
      await send("POST", `${at}/upsert`, record("first", 2));
      await until(async () => (await documents()).first === "version 2");
      return undefined;
    });
    expect((await send("POST", `${at}/add`, record("slow", 1))).status).toBeLessThan(600);
    await until(async () => (await documentsInChroma()).slow === "version 1");
    await until(async () => (await documents()).slow === "version 1");
  });

  test.skipIf(!serverUrl())("a write that took longer than its record was in flight is recorded again", async () => {
    const holder = new Client({ connectionString: testDatabase.url });
    await holder.connect();
    await holder.query("BEGIN; SELECT FROM cairn.cutover_tenants FOR UPDATE");
    once(isSent("add"), async () => {
      await gateway.rows(sql`UPDATE cairn.changes SET in_flight_until = now()`);
      await gateway.drained(tenant);
      return undefined;
    });
    const sent = send("POST", `${at}/add`, record("late", 1));
    await sleep(7_500); // longer than a request's time limit and the grace after it
    await holder.query("COMMIT");
    await holder.end();
    expect((await sent).status).toBe(201);
    await until(async () => (await documents()).late === "version 1");
  });

  test("a delete by a condition deletes what it selected when it was recorded", async () => {
    once(isSent("delete"), async () => {
      await send("POST", `${at}/add`, record("later", 1));
      await until(async () => (await documents()).later === "version 1");
      return undefined;
    });
    await send("POST", `${at}/delete`, { where: { tag: "a" } });
    await gateway.drained(tenant);
    expect(await documents()).toEqual(await documentsInChroma());
    expect(await documents()).toEqual({ later: "version 1" });
  });

  test("a process that has lost its lease writes nothing", async () => {
    const second: { close(): Promise<void> }[] = [];
    once(isReplicated, async (request) => {
      const early = await answerNow(request);
      gateway.proxy.rules = [];
      await send("POST", `${at}/upsert`, record("first", 3));
      await gateway.rows(sql`DELETE FROM cairn.cutover_leases`);
      second.push(gateway.openSecond());
      await until(async () => (await documents()).first === "version 3");
      await gateway.drained(tenant);
      return early;
    });
    await send("POST", `${at}/upsert`, record("first", 2));
    await until(async () => second.length > 0);
    await gateway.drained(tenant);
    await sleep(300); // the first process goes on with the early answer
    await Promise.all(second.map((one) => one.close()));
    expect(await documents()).toEqual({ first: "version 3" });
  });

  test("a process keeps its lease while Chroma is slow", async () => {
    const leasedUntil = async () => {
      const [lease] = await gateway.rows<{ at: number }>(sql`
        SELECT extract(epoch FROM max(leased_until))::float8 AS at FROM cairn.cutover_leases`);
      return lease?.at ?? 0;
    };
    let renewed = false;
    once(isReplicated, async () => {
      const before = await leasedUntil();
      await until(async () => (await leasedUntil()) > before);
      renewed = true;
      return undefined;
    });
    await send("POST", `${at}/upsert`, record("first", 2));
    await until(async () => (await documents()).first === "version 2");
    expect(renewed).toBe(true);
  });

  test("a comparison that outlives its phase reports nothing", async () => {
    const lists = ({ path }: SeenRequest) => path.includes("/collections?limit=100&");
    let written = false;
    once(lists, async () => {
      await back(testDatabase.database, tenant, { to: "chroma" });
      await send("POST", `${at}/upsert`, record("first", 2));
      written = true;
      return undefined;
    });
    await requestComparison(testDatabase.database, tenant);
    await until(async () => written);
    await until(async () => (await gateway.rows(sql`SELECT FROM cairn.cutover_leases`)).length === 0);
    await sleep(300); // the lease is released after the last write
    expect(await gateway.rows(sql`SELECT record_id FROM cairn.cutover_findings`)).toEqual([]);
    expect(await documents()).toEqual({ first: "version 1" });
  });

  test("every acknowledged write is in Cairn when Cairn begins to decide", async () => {
    await gateway.enterUpTo(tenant, "shadow");
    gateway.proxy.rules = [always({ kind: "answer", status: 503 }, isReplicated)];
    await send("POST", `${at}/upsert`, record("first", 2));
    await until(async () => (await gateway.rows(sql`SELECT FROM cairn.changes WHERE attempts > 0`)).length > 0);
    const change = advance(testDatabase.database, tenant, { force: true });
    await sleep(700);
    gateway.proxy.rules = [];
    expect(await change).toMatchObject({ phase: "cairn" });
    expect((await send("POST", `${at}/get`, {})).body.documents).toEqual(["version 2"]);
    expect(await documents()).toEqual({ first: "version 2" });
  });

  test("a write that is sent during a change of phase waits, and Cairn gets it", async () => {
    await gateway.enterUpTo(tenant, "shadow");
    await gateway.compared(tenant);
    const upserts = () => gateway.proxy.seen.filter(isSent("upsert")).length;
    const before = upserts();
    let sentMeanwhile: number | undefined;
    let waiting: ReturnType<typeof send> | undefined;
    once(isReplicated, async () => {
      await until(async () => {
        const raised = sql`SELECT FROM cairn.cutover_tenants WHERE barrier_until > now()`;
        return (await gateway.rows(raised)).length > 0;
      });
      waiting = send("POST", `${at}/upsert`, record("first", 3));
      await sleep(400);
      sentMeanwhile = upserts() - before - 1;
      return undefined;
    });
    await send("POST", `${at}/upsert`, record("first", 2));
    const change = gateway.enterUpTo(tenant, "cairn");
    await until(async () => sentMeanwhile !== undefined);
    expect(sentMeanwhile).toBe(0);
    expect((await waiting)?.status).toBe(200);
    await change;
    expect((await send("POST", `${at}/get`, {})).body.documents).toEqual(["version 3"]);
    expect(await documents()).toEqual({ first: "version 3" });
  });

  test("a record that is changed while its collection is not filled yet keeps its place", async () => {
    const name = `${tenant}b`;
    const created = await send("POST", "/collections", { name: `tenant_${name}_faq` });
    const collection = `/collections/${created.body.id}`;
    for (const id of ["a", "b", "c"]) await send("POST", `${collection}/add`, record(id, 1));
    const lists = (request: SeenRequest) => isListing(request) && request.path.includes(collection);
    gateway.proxy.rules = [always({ kind: "answer", status: 500 }, lists)];
    await gateway.enterUpTo(name, "mirror");
    await until(
      async () => (await gateway.rows(sql`SELECT FROM cairn.cutover_collections WHERE NOT filled`)).length > 0,
    );
    await send("POST", `${collection}/upsert`, record("c", 2));
    const isTried = async () => (await gateway.rows(sql`SELECT FROM cairn.changes WHERE attempts > 0`)).length > 0;
    const isCopied = async () => Object.keys(await gateway.inCairn(name, "faq")).length > 0;
    await until(async () => (await isTried()) || (await isCopied()));
    expect(await isCopied()).toBe(false);
    gateway.proxy.rules = [];
    await gateway.compared(name);
    await gateway.drained(name);
    const rows = await gateway.rows<{ id: string }>(sql`
      SELECT d.id FROM cairn.documents AS d JOIN cairn.tenants AS t ON t.id = d.tenant_id
      WHERE t.name = ${name} ORDER BY d.sequence`);
    expect(rows.map(({ id }) => id)).toEqual(["a", "b", "c"]);
  });
});
