import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { createConcurrencyLimiter } from "./concurrency.ts";
import type { RequestSlot } from "./slot.ts";

const never = new AbortController().signal;

test("requests of a tenant are admitted up to the limit in order of arrival, and another tenant's immediately", async () => {
  const { acquire, size } = createConcurrencyLimiter({ tenantConcurrency: 2, tenantQueue: 2 });
  const [first, second] = [await acquire("a", never), await acquire("a", never)];
  const order: string[] = [];
  const waiting = ["third", "fourth"].map((name) =>
    acquire("a", never).then((slot) => {
      order.push(name);
      return slot;
    }),
  );
  await expect(acquire("a", never)).rejects.toMatchObject({
    code: "tenant_busy",
    retryAfter: expect.any(Number),
  });
  (await acquire("b", never)).release();
  expect(order).toEqual([]);
  first.release();
  first.release(); // no further effect
  await vi.waitFor(() => expect(order).toEqual(["third"]));
  second.release();
  for (const slot of await Promise.all(waiting)) slot.release();
  expect(order).toEqual(["third", "fourth"]);
  expect(size()).toBe(0);
});

test("a request that times out or is aborted leaves the queue", async () => {
  const { acquire, size } = createConcurrencyLimiter({ tenantConcurrency: 1, queueTimeout: 20 });
  const slot = await acquire("a", never);
  await expect(acquire("a", never)).rejects.toMatchObject({ code: "tenant_busy" });
  const caller = new AbortController();
  const waiting = acquire("a", caller.signal);
  caller.abort(new Error("gone"));
  await expect(waiting).rejects.toThrow("gone");
  slot.release();
  (await acquire("a", never)).release();
  expect(size()).toBe(0);
});

test("a streamed response releases its slot to the next request and counts as a stream", async () => {
  const { acquire, size } = createConcurrencyLimiter({ tenantConcurrency: 1, tenantStreams: 1 });
  const stream = await acquire("a", never);
  stream.convertToStream();
  const request = await acquire("a", never);
  expect(() => request.convertToStream()).toThrow(/1 open streams/);
  request.release();
  stream.release();
  expect(size()).toBe(0);
});

test("two large writes of a tenant run at the same time, and its other requests next to them", async () => {
  const { acquire, size } = createConcurrencyLimiter({ tenantConcurrency: 4 });
  const slots = await Promise.all([1, 2, 3, 4].map(() => acquire("a", never)));
  const [first, second, third, fourth] = slots as [RequestSlot, RequestSlot, RequestSlot, RequestSlot];
  await Promise.all([first.acquireLarge("write"), second.acquireLarge("write")]);
  await first.acquireLarge("write"); // no further effect
  let admitted = false;
  const waiting = third.acquireLarge("write").then(() => {
    admitted = true;
  });
  await sleep(20);
  expect(admitted).toBe(false);
  fourth.release();
  (await acquire("a", never)).release();
  first.release();
  await waiting;
  second.release();
  third.release();
  const last = await acquire("a", never);
  await last.acquireLarge("write");
  last.release();
  expect(size()).toBe(0);
});

test("the slot of a request that its runtime dropped is free after twice the deadline", async () => {
  const { acquire } = createConcurrencyLimiter({ tenantConcurrency: 1, queueTimeout: 20, deadline: 200 });
  await acquire("a", never); // never released
  await expect(acquire("a", never)).rejects.toMatchObject({ code: "tenant_busy" });
  await sleep(500);
  const slot = await acquire("a", never);
  await expect(acquire("a", never)).rejects.toMatchObject({ code: "tenant_busy" });
  slot.release();
  (await acquire("a", never)).release();
});

test("a late or repeated release does not remove the state of later requests", async () => {
  const { acquire, size } = createConcurrencyLimiter({ tenantConcurrency: 1, queueTimeout: 20 });
  const early = await acquire("a", never);
  early.release();
  const next = await acquire("a", never);
  early.release();
  expect(size()).toBe(1);
  await expect(acquire("a", never)).rejects.toMatchObject({ code: "tenant_busy" });
  next.release();
  expect(size()).toBe(0);
});

test("a request that ends while it waits for a large slot releases the slot", async () => {
  const { acquire, size } = createConcurrencyLimiter({ tenantConcurrency: 3, queueTimeout: 20 });
  const slots = await Promise.all([1, 2, 3].map(() => acquire("a", never)));
  const [first, second, third] = slots as [RequestSlot, RequestSlot, RequestSlot];
  await Promise.all([first.acquireLarge("write"), second.acquireLarge("write")]);
  await expect(third.acquireLarge("write")).rejects.toThrow(/2 concurrent large requests/);
  third.release();
  first.release();
  const next = await acquire("a", never);
  await next.acquireLarge("write");
  next.release();
  second.release();
  expect(size()).toBe(0);
});
