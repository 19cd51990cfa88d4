import { expect, test } from "vitest";
import { nextTurn } from "./turn.ts";

test("each iteration of the event loop runs one slice of long work, whatever the number of tasks", async () => {
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

test("in a busy process, long work pauses after a long slice for the same time", async () => {
  let working = true;
  const other = () => {
    block(2);
    if (working) setImmediate(other);
  };
  setImmediate(other);
  for (let slice = 0; slice < 3; slice++) await nextTurn();
  const next = nextTurn();
  block(30);
  const endedAt = performance.now();
  await next;
  working = false;
  expect(performance.now() - endedAt).toBeGreaterThan(25);
});

function block(milliseconds: number): void {
  const startedAt = performance.now();
  while (performance.now() - startedAt < milliseconds);
}
