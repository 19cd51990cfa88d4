import { expect, test } from "vitest";
import { nextTurn } from "./turn.ts";

test("of long work one slice runs in each iteration of the event loop, however much there is", async () => {
  let iterations = 0;
  let working = true;
  const count = () => {
    iterations++;
    if (working) setImmediate(count);
  };
  setImmediate(count);
  const slices: number[] = [];
  const work = async () => {
    for (let slice = 0; slice < 5; slice++) {
      await nextTurn();
      slices.push(iterations);
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  working = false;
  expect(new Set(slices).size).toBe(20);
});

test("after a slice that held up the event loop, long work pauses for as long", async () => {
  await nextTurn();
  const next = nextTurn();
  const began = performance.now();
  while (performance.now() - began < 30);
  const ended = performance.now();
  await next;
  expect(performance.now() - ended).toBeGreaterThan(25);
});
