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
    return { model } as Embedder; // nothing is embedded while it is decided
  },
};
const source = (model: string | null, dimensions: number | null = 1536) =>
  ({ model, dimensions }) as SourceCollection;
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
  [
    "a model that nobody knows stays unknown",
    source(null, 8),
    undefined,
    {},
    { vectors: "copy", model: null, dimensions: 8 },
  ],
  [
    "--source-model names it",
    source(null, 8),
    undefined,
    { sourceModel: "local/x" },
    { vectors: "copy", model: "local/x" },
  ],
  [
    "what Chroma says wins over --source-model, which is for the collections that it does not know of",
    source(SMALL),
    undefined,
    { sourceModel: "local/x" },
    { vectors: "copy", model: SMALL },
  ],
  [
    "a target of the same model is copied into",
    source(SMALL),
    target(SMALL, 1536),
    {},
    { vectors: "copy", model: SMALL },
  ],
  [
    "a target that an earlier migration copied into is copied into again",
    source(null, 8),
    target(null, 8, true),
    {},
    { vectors: "copy", model: null, dimensions: 8 },
  ],
  [
    "the model of an empty source is not believed",
    source(SMALL, null),
    undefined,
    {},
    { vectors: "copy", model: null, dimensions: null },
  ],
  [
    "a target without model and vectors, as an interrupted run leaves it, takes the source's",
    source(SMALL),
    target(null, null),
    {},
    { vectors: "copy", model: SMALL, dimensions: 1536 },
  ],
  [
    "a model that is named later names that of vectors copied before",
    source(null, 8),
    target(null, 8, true),
    { sourceModel: "local/x" },
    { vectors: "copy", model: "local/x", dimensions: 8 },
  ],
  [
    "a target of another model is embedded into",
    source("local/x"),
    target(SMALL, 1536),
    {},
    { vectors: "embed", model: SMALL, dimensions: 1536 },
  ],
  [
    "a target of another size is embedded into",
    source(SMALL, 512),
    target(SMALL, 1536),
    {},
    { vectors: "embed", model: SMALL, dimensions: 1536 },
  ],
  [
    "always embeds with the service's own model",
    source("local/x", 8),
    undefined,
    { reEmbed: "always" },
    { vectors: "embed", model: SMALL, dimensions: 1536 },
  ],
  [
    "always embeds with --model",
    source("local/x", 8),
    undefined,
    { reEmbed: "always", model: "offline/words" },
    { vectors: "embed", model: "offline/words", dimensions: 8 },
  ],
  [
    "always embeds into the target's own model",
    source(null, 8),
    target("offline/words", 64),
    { reEmbed: "always" },
    { vectors: "embed", model: "offline/words", dimensions: 64 },
  ],
  [
    "never copies where that is possible",
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
    "never refuses a target of another model",
    source("local/x"),
    target(SMALL, 1536),
    { reEmbed: "never" },
    /target has the model openai.*source local\/x/,
  ],
  [
    "never refuses a target of another size",
    source(SMALL, 512),
    target(SMALL, 1536),
    { reEmbed: "never" },
    /1536 dimensions and the source 512/,
  ],
  [
    "always refuses another --model than the target's",
    source(null),
    target("local/x", 8),
    { reEmbed: "always", model: SMALL },
    /vectors of two models are never mixed.*--map/,
  ],
  [
    "--source-model that contradicts the model of a target that vectors were copied into is refused",
    source(null, 8),
    target("local/y", 8, true),
    { sourceModel: "local/x" },
    /vectors are of local\/x.*target has the model local\/y.*set-model/,
  ],
  [
    "--source-model that contradicts another target is refused, and texts are not embedded for it",
    source(null, 1536),
    target(SMALL, 1536),
    { sourceModel: "local/x" },
    /vectors are of local\/x.*target has the model openai/,
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

test("vectors of more dimensions than Postgres takes do not fit, whatever could be embedded in their place", () => {
  expect(decide(source(SMALL, 16_001), undefined)).toEqual({
    problem: expect.stringMatching(/16001 dimensions.*16000 at most.*--re-embed always/),
    unsupported: true,
  });
  expect(
    decide(source(null, 16_001), undefined, { reEmbed: "always", model: "offline/words" }),
  ).toMatchObject({ vectors: "embed", dimensions: null });
});

test("where both sides are only compared, a model without a key is no obstacle", () => {
  expect(decide(source("local/y"), target("local/x", 8), { comparing: true })).toMatchObject({
    vectors: "embed",
    model: "local/x",
  });
});
