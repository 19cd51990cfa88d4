import { describe, expect, test } from "vitest";
import { createModel, GRACE_MS } from "./chaos/cutover/model.ts";
import { runRound } from "./chaos/cutover/round.ts";
import { serverUrl } from "./support/database.ts";

/** Rounds that fit into a test run: about a minute each. */
const SEEDS = [1, 2];

describe.skipIf(!serverUrl())("a tenant that moves while gateways, Chroma and Postgres fail", () => {
  test.each(SEEDS)("loses no acknowledged write, seed %i", { timeout: 400_000 }, async (seed) => {
    const chromaCommand = process.env.CAIRN_TEST_CHROMA;
    const result = await runRound({ serverUrl: serverUrl() ?? "", chromaCommand, seed, durationMs: 30_000 });
    if (result.violations.length > 0) console.error(result.trace);
    expect(result.violations).toEqual([]);
    expect(result.counts.writes).toBeGreaterThan(20);
    expect(result.counts["phase mirror"]).toBeGreaterThan(0);
  });
});

describe("the model of acknowledged writes", () => {
  const content = (v: number) => ({ document: `text ${v}`, metadata: { v }, embedding: [v] });
  const texts = (model: ReturnType<typeof createModel>, from: number) =>
    [...model.allowed("id", from).values()].map((state) => state?.document);

  test("an acknowledged write is the only state, and a read that began earlier may see the one before", () => {
    let now = 1;
    const model = createModel(() => now);
    const sent = model.send("id", () => content(1));
    expect(texts(model, now)).toEqual([undefined, "text 1"]);
    now = 2;
    sent.ok();
    expect(texts(model, 3)).toEqual(["text 1"]);
    expect(texts(model, 2)).toEqual([undefined, "text 1"]);
  });

  test("a write without an answer may be applied after later writes, until its time is over", () => {
    let now = 1;
    const model = createModel(() => now);
    model.send("id", () => content(1)).unknown();
    model.send("id", () => content(2)).ok();
    expect(texts(model, now).toSorted()).toEqual(["text 1", "text 2", undefined]);
    now += 1;
    expect(texts(model, now).toSorted()).toEqual(["text 1", "text 2"]);
    now += GRACE_MS;
    model.learn("id", content(1));
    now += 1;
    expect(texts(model, now)).toEqual(["text 1"]);
    model.send("id", (old) => old && { ...old, document: "patched" }).ok();
    now += 1;
    expect(texts(model, now)).toEqual(["patched"]);
  });

  test("a refused write changes nothing", () => {
    const model = createModel(() => 1);
    model.send("id", () => content(1)).refused();
    expect(model.exists("id")).toBe(false);
    model.send("id", () => content(2)).ok();
    expect(model.exists("id")).toBe(true);
  });
});
