import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Embedder, Embedders } from "@cairn/core/embedding/embedder.ts";
import { AppError } from "@cairn/core/error.ts";
import { expect, test } from "vitest";
import type { SourceCollection } from "../source/source.ts";
import { decideVectors } from "./decide.ts";
import type { PlanOptions } from "./options.ts";
import type { Target } from "./targets.ts";

const SMALL = "openai/text-embedding-3-small";
const embedders: Embedders = {
  default: { model: SMALL, dimensions: 1536 },
  notice: undefined,
  get(model) {
    if (model !== SMALL && model !== "offline/words")
      throw new AppError("embedder_unavailable", `Set the key of ${model}.`);
    return { model } as Embedder; // the decision embeds nothing
  },
};
const source = (model: string | null, dimensions: number | null = 1536) => ({ model, dimensions }) as SourceCollection;
const target = (embeddingModel: string | null, dimensions: number | null, copied = false): Target => ({
  collection: { embeddingModel, dimensions } as Collection,
  copied,
});
const decide = (from: SourceCollection, to: Target | undefined, options: PlanOptions = {}) =>
  decideVectors(from, to, embedders, options);

test.each<[string, SourceCollection, Target | undefined, PlanOptions, object]>([
  [
    "a missing target takes the source's vectors and model",
    source(SMALL),
    undefined,
    {},
    { vectors: "copy", model: SMALL, dimensions: 1536 },
  ],
  ["an unknown model stays unknown", source(null, 8), undefined, {}, { vectors: "copy", model: null, dimensions: 8 }],
  [
    "--source-model names an unknown model",
    source(null, 8),
    undefined,
    { sourceModel: "local/x" },
    { vectors: "copy", model: "local/x" },
  ],
  [
    "a model that Chroma knows has precedence over --source-model",
    source(SMALL),
    undefined,
    { sourceModel: "local/x" },
    { vectors: "copy", model: SMALL },
  ],
  [
    "vectors are copied to a target with the same model",
    source(SMALL),
    target(SMALL, 1536),
    {},
    { vectors: "copy", model: SMALL },
  ],
  [
    "vectors are copied again to a target that an earlier migration copied to",
    source(null, 8),
    target(null, 8, true),
    {},
    { vectors: "copy", model: null, dimensions: 8 },
  ],
  [
    "the model of an empty source is ignored",
    source(SMALL, null),
    undefined,
    {},
    { vectors: "copy", model: null, dimensions: null },
  ],
  [
    "a target without model and vectors, as an interrupted run leaves it, takes the model of the source",
    source(SMALL),
    target(null, null),
    {},
    { vectors: "copy", model: SMALL, dimensions: 1536 },
  ],
  [
    "a model that is named later applies to vectors that were copied before",
    source(null, 8),
    target(null, 8, true),
    { sourceModel: "local/x" },
    { vectors: "copy", model: "local/x", dimensions: 8 },
  ],
  [
    "texts are embedded again for a target with another model",
    source("local/x"),
    target(SMALL, 1536),
    {},
    { vectors: "embed", model: SMALL, dimensions: 1536 },
  ],
  [
    "texts are embedded again for a target with other dimensions",
    source(SMALL, 512),
    target(SMALL, 1536),
    {},
    { vectors: "embed", model: SMALL, dimensions: 1536 },
  ],
  [
    "--re-embed always uses the service's default model",
    source("local/x", 8),
    undefined,
    { reEmbed: "always" },
    { vectors: "embed", model: SMALL, dimensions: 1536 },
  ],
  [
    "--re-embed always uses --model",
    source("local/x", 8),
    undefined,
    { reEmbed: "always", model: "offline/words" },
    { vectors: "embed", model: "offline/words", dimensions: 8 },
  ],
  [
    "--re-embed always uses the target's model",
    source(null, 8),
    target("offline/words", 64),
    { reEmbed: "always" },
    { vectors: "embed", model: "offline/words", dimensions: 64 },
  ],
  [
    "--re-embed never copies vectors if possible",
    source(SMALL),
    target(SMALL, 1536),
    { reEmbed: "never" },
    { vectors: "copy" },
  ],
])("%s", (_name, from, to, options, expected) => {
  expect(decide(from, to, options)).toMatchObject(expected);
});

test.each<[string, SourceCollection, Target | undefined, PlanOptions, RegExp]>([
  [
    "--re-embed never refuses a target with another model",
    source("local/x"),
    target(SMALL, 1536),
    { reEmbed: "never" },
    /target has the model openai.*source local\/x/,
  ],
  [
    "--re-embed never refuses a target with other dimensions",
    source(SMALL, 512),
    target(SMALL, 1536),
    { reEmbed: "never" },
    /1536 dimensions and the source 512/,
  ],
  [
    "--re-embed always refuses a --model that differs from the target's model",
    source(null),
    target("local/x", 8),
    { reEmbed: "always", model: SMALL },
    /vectors of two models are never mixed.*--map/,
  ],
  [
    "a --source-model that differs from the model of a target with copied vectors is refused",
    source(null, 8),
    target("local/y", 8, true),
    { sourceModel: "local/x" },
    /model local\/x for its vectors.*target has the model local\/y.*set-model/,
  ],
  [
    "a --source-model that differs from the model of another target is refused, and no texts are embedded",
    source(null, 1536),
    target(SMALL, 1536),
    { sourceModel: "local/x" },
    /model local\/x for its vectors.*target has the model openai/,
  ],
  [
    "a model without a key is refused before anything is written",
    source("local/y"),
    target("local/x", 8),
    {},
    /embedded again.*Set the key of local\/x/,
  ],
])("%s", (_name, from, to, options, problem) => {
  expect(decide(from, to, options)).toEqual({ problem: expect.stringMatching(problem) });
});

test("vectors with more dimensions than Postgres supports cannot be copied, but their texts can be embedded again", () => {
  expect(decide(source(SMALL, 16_001), undefined)).toEqual({
    problem: expect.stringMatching(/16001 dimensions.*16000 at most.*--re-embed always/),
    unsupported: true,
  });
  expect(decide(source(null, 16_001), undefined, { reEmbed: "always", model: "offline/words" })).toMatchObject({
    vectors: "embed",
    dimensions: null,
  });
});

test("a model without a key is accepted if both sides are only compared", () => {
  expect(decide(source("local/y"), target("local/x", 8), { compareOnly: true })).toMatchObject({
    vectors: "embed",
    model: "local/x",
  });
});
