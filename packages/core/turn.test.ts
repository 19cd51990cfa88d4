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

test("while others are busy, long work pauses after a slice that held them up, for as long", async () => {
  let working = true;
  const other = () => {
    spend(2);
    if (working) setImmediate(other);
  };
  setImmediate(other);
  for (let slice = 0; slice < 3; slice++) await nextTurn();
  const next = nextTurn();
  spend(30);
  const ended = performance.now();
  await next;
  working = false;
  expect(performance.now() - ended).toBeGreaterThan(25);
});

function spend(milliseconds: number): void {
  const began = performance.now();
  while (performance.now() - began < milliseconds);
}
