import { MAX_DIMENSIONS } from "@cairn/core/collection/create.ts";
import type { Embedders } from "@cairn/core/embedding/embedder.ts";
import { modelDimensions } from "@cairn/core/embedding/models.ts";
import { AppError } from "@cairn/core/error.ts";
import type { SourceCollection } from "../source/source.ts";
import type { PlanOptions } from "./options.ts";
import type { Target } from "./targets.ts";

/** Whether the target's vectors are copied or embedded, and why. */
export interface VectorChoice {
  readonly vectors: "copy" | "embed";
  /** The target's model; null: unknown, so only queries by vector are possible. */
  readonly model: string | null;
  readonly dimensions: number | null;
  /** The reason, as a sentence for the user. */
  readonly why: string;
}

/** Why a collection can neither be copied nor embedded. `unsupported`: no other options can help. */
export interface VectorProblem {
  readonly problem: string;
  readonly unsupported?: true;
}

/** Decides whether a collection's vectors are copied or its texts are embedded again, or why neither is possible. */
export function decideVectors(
  source: SourceCollection,
  target: Target | undefined,
  embedders: Embedders,
  options: PlanOptions,
): VectorChoice | VectorProblem {
  if (options.reEmbed === "always") return embed(source, target, embedders, options, "--re-embed always");
  if (source.dimensions !== null && source.dimensions > MAX_DIMENSIONS)
    return {
      problem: `Its vectors have ${source.dimensions} dimensions, and Postgres supports ${MAX_DIMENSIONS} at most. Embed its texts with another model (--re-embed always), or leave it out with --only or null in the mapping.`,
      unsupported: true,
    };
  const conflict = findModelConflict(source, target, options);
  if (conflict) return conflict;
  const copied = copy(source, target, options);
  if (!("problem" in copied) || options.reEmbed === "never") return copied;
  return embed(source, target, embedders, options, copied.problem);
}

/** The conflict between `--source-model`, which names the model of vectors that Chroma does not know, and the target's model. */
function findModelConflict(
  source: SourceCollection,
  target: Target | undefined,
  { sourceModel }: PlanOptions,
): VectorProblem | undefined {
  const model = target?.collection.embeddingModel ?? null;
  if (source.model !== null || !sourceModel || model === null || model === sourceModel) return undefined;
  return {
    problem:
      `--source-model names the model ${sourceModel} for its vectors, but its target has the model ${model}. ` +
      "Omit --source-model to keep the target's model, correct the target with cairn collections set-model, map it to another collection with --map, or embed its texts again with --re-embed always.",
  };
}

function copy(
  source: SourceCollection,
  target: Target | undefined,
  options: PlanOptions,
): VectorChoice | { readonly problem: string } {
  const { dimensions } = source;
  const sourceModel = source.model ?? options.sourceModel ?? null;
  // Clients name their default function even if the caller provides vectors, so the name counts only if vectors exist.
  const confirmedModel = dimensions === null ? (options.sourceModel ?? null) : sourceModel;
  if (!target) return { vectors: "copy", model: confirmedModel, dimensions, why: explainCopy(source, confirmedModel) };
  const { embeddingModel: model, dimensions: size } = target.collection;
  if (size !== null && dimensions !== null && size !== dimensions)
    return { problem: `the target has ${size} dimensions and the source ${dimensions}` };
  const isEmpty = model === null && size === null;
  if (!target.copied && !isEmpty && model !== sourceModel)
    return {
      problem: `the target has the model ${model ?? "unknown"} and the source ${sourceModel ?? "an unknown one"}`,
    };
  return {
    vectors: "copy",
    model: model ?? confirmedModel,
    dimensions: size ?? dimensions,
    why:
      model === null
        ? explainCopy(source, confirmedModel)
        : `vectors are copied: the target has the model ${model} already`,
  };
}

function explainCopy({ dimensions, unusableModel = null }: SourceCollection, model: string | null): string {
  if (model) return `vectors are copied: the target keeps the model ${model}`;
  if (dimensions === null)
    return "vectors are copied; the collection has none yet, so their dimensions and model are unknown";
  if (unusableModel !== null)
    return `vectors are copied; Chroma names their model ${JSON.stringify(unusableModel)}, which is not a valid model name in Cairn, so queries by text are refused until you name the model (--source-model) or use --re-embed`;
  return "vectors are copied; Chroma does not know their model, so queries by text are refused until you name the model (--source-model) or use --re-embed";
}

function embed(
  source: SourceCollection,
  target: Target | undefined,
  embedders: Embedders,
  options: PlanOptions,
  reason: string,
): VectorChoice | { readonly problem: string } {
  const chosenModel = options.model ?? target?.collection.embeddingModel ?? embedders.default?.model;
  if (chosenModel === undefined)
    return { problem: `Its texts would have to be embedded again (${reason}). ${embedders.notice ?? ""}` };
  if (target && target.collection.embeddingModel !== chosenModel)
    return {
      problem:
        `Its target has the model ${target.collection.embeddingModel ?? "unknown"} (${reason}), and vectors of two models are never mixed. ` +
        "Map it to another collection with --map, or delete the target first: cairn collections delete.",
    };
  try {
    if (!options.compareOnly) embedders.get(chosenModel);
  } catch (error) {
    if (error instanceof AppError)
      return { problem: `Its texts would have to be embedded again (${reason}). ${error.message}` };
    throw error;
  }
  const dimensions =
    target?.collection.dimensions ??
    modelDimensions(chosenModel) ??
    (chosenModel === embedders.default?.model ? embedders.default.dimensions : supportedDimensions(source.dimensions));
  return {
    vectors: "embed",
    model: chosenModel,
    dimensions,
    why: `texts are embedded again with ${chosenModel}: ${reason}`,
  };
}

/** The source's dimensions if Postgres supports them; null: the first vector sets them. */
function supportedDimensions(dimensions: number | null): number | null {
  return dimensions !== null && dimensions <= MAX_DIMENSIONS ? dimensions : null;
}
