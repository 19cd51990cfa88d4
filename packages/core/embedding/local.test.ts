import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TINY_DIMENSIONS, tinyVector, writeTinyModel } from "../../../test/support/tiny-model.ts";
import { embedAll } from "./embed-all.ts";
import { createLocalEmbedder } from "./local.ts";

let modelsDirectory: string;
beforeAll(async () => {
  modelsDirectory = await mkdtemp(join(tmpdir(), "cairn-models-"));
  await writeTinyModel(join(modelsDirectory, "tiny"));
  await writeTinyModel(join(modelsDirectory, "cairn", "tiny"));
});
afterAll(() => rm(modelsDirectory, { recursive: true, force: true }));

test("embed() runs an ONNX model from a folder, with mean pooling without padding and unit length", async () => {
  const embedder = createLocalEmbedder({ model: "local/tiny", modelsDirectory, batchSize: 2 });
  const offsets: number[] = [];
  const vectors = await embedAll(embedder, ["What is our return policy?", "shipping", "Refund"], {
    dimensions: TINY_DIMENSIONS,
    onBatch: async ([first]) => void offsets.push(first?.index as number),
  });
  const expected = [["what", "is", "our", "return", "policy", "?"], ["ship", "##ping"], ["refund"]].map((words) =>
    tinyVector(words),
  );
  for (const [index, vector] of vectors.entries())
    for (const [at, element] of vector.entries()) expect(element).toBeCloseTo(expected[index]?.[at] as number, 5);
  expect(vectors).toHaveLength(3);
  expect(offsets).toEqual([0, 2]);
});

test("a model in a publisher's folder is found, and vectors of other dimensions are rejected", async () => {
  const embedder = createLocalEmbedder({ model: "local/cairn/tiny", modelsDirectory });
  await expect(embedder.embed(["refund"], { dimensions: 384 })).rejects.toMatchObject({
    code: "dimension_mismatch",
    message: expect.stringMatching(/ 8 dimensions.* 384 /),
  });
});

test("a model that is not in the folder is reported as missing and not looked up elsewhere", async () => {
  const embedder = createLocalEmbedder({ model: "local/all-MiniLM-L6-v2", modelsDirectory });
  await expect(embedder.embed(["refund"], { dimensions: 384 })).rejects.toMatchObject({
    code: "embedder_unavailable",
    message: expect.stringMatching(/local\/all-MiniLM-L6-v2.*local\.modelsDirectory/),
  });
});

test.each(["local/../../etc", "local//etc/passwd", "local/a/../../b", "local/somebody/huge-model", "local/"])(
  "%s does not leave the folder and is not fetched from the hub",
  (model) => {
    expect(() => createLocalEmbedder({ model })).toThrow(expect.objectContaining({ code: "embedder_unavailable" }));
    if (!model.includes("huge"))
      expect(() => createLocalEmbedder({ model, modelsDirectory })).toThrow(
        expect.objectContaining({ code: "embedder_unavailable" }),
      );
  },
);
