import fc from "fast-check";
import { expect, test } from "vitest";
import { embedAll } from "./embed-all.ts";
import { createOfflineEmbedder } from "./offline.ts";

const embedder = createOfflineEmbedder();
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, element, at) => sum + element * (b[at] as number), 0);

const passages = {
  returns:
    "You may return an unused item within 30 days of delivery. Our returns policy covers every product but gift cards.",
  shipping: "Orders ship within two business days. Express shipping takes one day and costs $12.",
  password: "To reset your password, open Settings, choose Security, and follow the link that we send by e-mail.",
  warranty: "All devices carry a two-year warranty against defects in materials and workmanship.",
  hours: "Our support team is available Monday to Friday from 9 am to 6 pm. What is our promise? An answer in one day.",
  privacy: "Our privacy policy explains what data we collect, why we collect it, and how long it is kept.",
};

test.each([
  ["What is our return policy?", "returns"],
  ["how do I reset passwords", "password"],
  ["Which WARRANTIES are there for a device?", "warranty"],
  ["when is support available", "hours"],
  ["shipping costs", "shipping"],
  ["privacy", "privacy"],
])("%j finds the passage about %s", async (question, answer) => {
  for (const dimensions of [512, 1536]) {
    const [questionVector, ...passageVectors] = await embedAll(embedder, [question, ...Object.values(passages)], {
      dimensions,
    });
    const scores = passageVectors.map((vector) => dot(questionVector as Float32Array, vector));
    expect(Object.keys(passages)[scores.indexOf(Math.max(...scores))]).toBe(answer);
  }
});

test("a question finds its passage in a script without spaces and in another Unicode form", async () => {
  const texts = ["退货政策是什么", "三十天内可以退货,退款到原账户。", "我们的营业时间是九点到六点。"];
  const [questionVector, returns, hours] = (await embedder.embed(texts, { dimensions: 512 })) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  expect(dot(questionVector, returns)).toBeGreaterThan(dot(questionVector, hours));
  const [composed, decomposed] = (await embedder.embed(["Rückgabe", "RU\u0308CKGABE"], {
    dimensions: 64,
  })) as [Float32Array, Float32Array];
  expect(composed).toEqual(decomposed);
});

test("every text gets the same vector of unit length each time, for any content and dimensions", async () => {
  const property = fc.asyncProperty(
    fc.string({ unit: "binary" }),
    fc.integer({ min: 1, max: 64 }),
    async (text, dimensions) => {
      const [first, again] = (await embedder.embed([text, text], { dimensions })) as [Float32Array, Float32Array];
      expect(first).toHaveLength(dimensions);
      expect(Math.sqrt(dot(first, first))).toBeCloseTo(1, 5);
      expect(first).toEqual(again);
    },
  );
  await fc.assert(property, {
    examples: [
      ["", 1536],
      ["\ud800", 3],
      ["?!", 8],
      [" \n", 4],
    ],
  });
});

test("vectors do not change between versions, because they are stored", async () => {
  const [vector] = await embedder.embed(["return policy"], { dimensions: 4 });
  expect(Array.from(vector as Float32Array, (element) => element.toFixed(4))).toMatchInlineSnapshot(`
    [
      "-0.3430",
      "0.8575",
      "-0.1715",
      "-0.3430",
    ]
  `);
});

test("batches are delivered with their indexes, and a signal cancels the work", async () => {
  const texts = Array.from({ length: 70 }, (_, index) => `text ${index}`);
  const offsets: number[] = [];
  await embedder.embed(texts, {
    dimensions: 8,
    onBatch: async ([first]) => void offsets.push(first?.index as number),
  });
  expect(offsets).toEqual([0, 32, 64]);
  const signal = AbortSignal.abort(new Error("stop"));
  await expect(embedder.embed(texts, { dimensions: 8, signal })).rejects.toThrow("stop");
});

test("two megabytes of text take less than two seconds of CPU time", async () => {
  const start = process.cpuUsage();
  await embedder.embed([Object.values(passages).join(" ").repeat(1700)], { dimensions: 1536 });
  await embedder.embed(["x".repeat(1_000_000)], { dimensions: 1536 });
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(2000);
});
