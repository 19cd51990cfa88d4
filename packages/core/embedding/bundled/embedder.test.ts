import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createBundledEmbedder } from "./embedder.ts";

const embedder = createBundledEmbedder();

async function embed(...texts: readonly string[]): Promise<readonly Float32Array[]> {
  return (await embedder.embed(texts, { dimensions: 1536 })) as readonly Float32Array[];
}

function similarity(a: Float32Array | undefined, b: Float32Array | undefined): number {
  return (a as Float32Array).reduce((sum, element, at) => sum + element * (b?.[at] ?? 0), 0);
}

test("a question finds the passage that says the same in other words", async () => {
  const passages = [
    "Our return policy covers sale items too. Refunds go to the card that you paid with.",
    "Our stores are open Monday to Saturday from 10 am to 7 pm.",
    "Wash a down jacket once a season at 30 degrees with down soap.",
  ];
  const questions = ["can I get my money back", "when may I visit the shops", "laundering a feather coat"];
  const vectors = await embed(...passages);
  for (const [at, question] of (await embed(...questions)).entries()) {
    const similarities = vectors.map((vector) => similarity(vector, question));
    expect(similarities.indexOf(Math.max(...similarities))).toBe(at);
  }
});

test("a name that the model does not know is found by its letters", async () => {
  const [question, ...parts] = await embed(
    "Klatre 4711",
    "The sling Klatre 4711 was recalled.",
    "The sling Fjell 12 was.",
  );
  expect(similarity(question, parts[0])).toBeGreaterThan(similarity(question, parts[1]) + 0.1);
});

test("every text has a vector of unit length, the same in any batch", async () => {
  const odd = [
    "",
    " ",
    "\n",
    "日本語のテキスト",
    "\ud800",
    "a\u0000b",
    "😀",
    "x".repeat(10_000),
    "word ".repeat(20_000),
  ];
  const together = await embed(...odd);
  for (const vector of together) {
    expect(vector).toHaveLength(1536);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  }
  for (const at of [0, 3, 7]) expect((await embed(odd[at] as string))[0]).toEqual(together[at]);
});

test("the end of a long text counts, and embedding it takes seconds at most", async () => {
  const start = "The quick brown fox jumps over the lazy dog. ".repeat(30);
  const [plain, ended, question] = await embed(
    start,
    `${start}We refund the full price within a month.`,
    "can I get my money back",
  );
  expect(similarity(ended, question)).toBeGreaterThan(similarity(plain, question) + 0.02);
});

test("the process keeps answering while texts are embedded", async () => {
  await embed("loaded");
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 5);
  const started = performance.now();
  await embed(...Array.from({ length: 24 }, () => "a passage of some words about shipping and returns ".repeat(10)));
  const took = performance.now() - started;
  clearInterval(timer);
  expect(longest).toBeLessThan(took / 4);
});

test("a query does not wait for the texts of others", async () => {
  const order: string[] = [];
  const many = embed(...Array.from({ length: 40 }, () => "a passage about shipping and returns ".repeat(10))).then(() =>
    order.push("many"),
  );
  await embed("a question").then(() => order.push("question"));
  await many;
  expect(order).toEqual(["question", "many"]);
});

test("a call ends when it is cancelled, and the next one works", async () => {
  const controller = new AbortController();
  const call = embedder.embed(
    Array.from({ length: 400 }, () => "a text"),
    {
      dimensions: 1536,
      signal: controller.signal,
      onBatch: async () => controller.abort(new Error("enough")),
    },
  );
  await expect(call).rejects.toThrow("enough");
  expect(await embed("a text")).toHaveLength(1);
});

test("other dimensions are refused", async () => {
  await expect(embedder.embed(["a"], { dimensions: 384 })).rejects.toMatchObject({ code: "dimension_mismatch" });
});

test("a process that has embedded a text can end", async () => {
  const file = fileURLToPath(new URL("./embedder.ts", import.meta.url));
  const script = `const { createBundledEmbedder } = await import(${JSON.stringify(file)});
    const [vector] = await createBundledEmbedder().embed(["hello"], { dimensions: 1536 });
    console.log(vector.length);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  expect(await text(child.stdout)).toBe("1536\n");
  expect(await exited).toEqual([0, null]);
});
