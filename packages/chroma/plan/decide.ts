import { MAX_DIMENSIONS } from "@cairn/core/collection/create.ts";
import type { Embedders } from "@cairn/core/embedding/embedder.ts";
import { modelDimensions } from "@cairn/core/embedding/models.ts";
import { AppError } from "@cairn/core/error.ts";
import type { SourceCollection } from "../source/source.ts";
import type { PlanOptions } from "./options.ts";
import type { Target } from "./targets.ts";

/** How the target's vectors come to be, and why. */
export interface VectorChoice {
  readonly vectors: "copy" | "embed";
  /** The target's model; null: not known, so it answers queries by vector only. */
  readonly model: string | null;
  readonly dimensions: number | null;
  /** One sentence for the user. */
  readonly why: string;
}

/** Why a collection can neither be copied nor embedded. `unsupported`: by what it is, whatever the options say. */
export interface VectorProblem {
  readonly problem: string;
  readonly unsupported?: true;
}

/** Whether a collection's vectors are copied or its texts embedded again; or why neither can be. */
export function decideVectors(
  source: SourceCollection,
  target: Target | undefined,
  embedders: Embedders,
  options: PlanOptions,
): VectorChoice | VectorProblem {
  if (options.reEmbed === "always") return embed(source, target, embedders, options, "--re-embed always");
  if (source.dimensions !== null && source.dimensions > MAX_DIMENSIONS)
    return {
      problem: `Its vectors have ${source.dimensions} dimensions, and Postgres takes ${MAX_DIMENSIONS} at most. Embed its texts with another model (--re-embed always), or leave it out with --only or null in the mapping.`,
      unsupported: true,
    };
  const contradiction = contradictTarget(source, target, options);
  if (contradiction) return contradiction;
  const copied = copy(source, target, options);
  if (!("problem" in copied) || options.reEmbed === "never") return copied;
  return embed(source, target, embedders, options, copied.problem);
}

/** `--source-model` names vectors whose model Chroma does not know; their target may know another one. */
function contradictTarget(
  source: SourceCollection,
  target: Target | undefined,
  { sourceModel }: PlanOptions,
): VectorProblem | undefined {
  const model = target?.collection.embeddingModel ?? null;
  if (source.model !== null || !sourceModel || model === null || model === sourceModel) return undefined;
  return {
    problem:
      `--source-model says that its vectors are of ${sourceModel}, and its target has the model ${model}. ` +
      "Leave --source-model out to keep the target's; correct the target with cairn collections set-model; send it to another collection with --map; or embed its texts again with --re-embed always.",
  };
}

function copy(
  source: SourceCollection,
  target: Target | undefined,
  options: PlanOptions,
): VectorChoice | { readonly problem: string } {
  const { dimensions } = source;
  const sourceModel = source.model ?? options.sourceModel ?? null;
  // Clients name their default function also where the caller will bring vectors of his own: only vectors bear it out.
  const known = dimensions === null ? (options.sourceModel ?? null) : sourceModel;
  if (!target) return { vectors: "copy", model: known, dimensions, why: explainCopy(source, known) };
  const { embeddingModel: model, dimensions: size } = target.collection;
  if (size !== null && dimensions !== null && size !== dimensions)
    return { problem: `the target has ${size} dimensions and the source ${dimensions}` };
  const holdsNone = model === null && size === null;
  if (!target.copied && !holdsNone && model !== sourceModel)
    return {
      problem: `the target has the model ${model ?? "unknown"} and the source ${sourceModel ?? "an unknown one"}`,
    };
  return {
    vectors: "copy",
    model: model ?? known,
    dimensions: size ?? dimensions,
    why:
      model === null
        ? explainCopy(source, known)
        : `vectors are copied: the target has the model ${model} already`,
  };
}

function explainCopy({ dimensions, unusableModel = null }: SourceCollection, model: string | null): string {
  if (model) return `vectors are copied: the target keeps the model ${model}`;
  if (dimensions === null)
    return "vectors are copied; there is none yet, so their size and their model are not known";
  if (unusableModel !== null)
    return `vectors are copied; Chroma calls their model ${JSON.stringify(unusableModel)}, which is not a name that Cairn can use, so texts cannot be searched until it is named (--source-model) or --re-embed is used`;
  return "vectors are copied; Chroma does not know their model, so texts cannot be searched until it is named (--source-model) or --re-embed is used";
}

function embed(
  source: SourceCollection,
  target: Target | undefined,
  embedders: Embedders,
  options: PlanOptions,
  reason: string,
): VectorChoice | { readonly problem: string } {
  const wanted = options.model ?? target?.collection.embeddingModel ?? embedders.default?.model;
  if (wanted === undefined)
    return { problem: `Its texts would have to be embedded again (${reason}). ${embedders.notice ?? ""}` };
  if (target && target.collection.embeddingModel !== wanted)
    return {
      problem:
        `Its target has the model ${target.collection.embeddingModel ?? "unknown"} (${reason}), and vectors of two models are never mixed. ` +
        "Send it to another collection with --map, or delete the target first: cairn collections delete.",
    };
  try {
    if (!options.comparing) embedders.get(wanted);
  } catch (error) {
    if (error instanceof AppError)
      return { problem: `Its texts would have to be embedded again (${reason}). ${error.message}` };
    throw error;
  }
  const dimensions =
    target?.collection.dimensions ??
    modelDimensions(wanted) ??
    (wanted === embedders.default?.model ? embedders.default.dimensions : storable(source.dimensions));
  return {
    vectors: "embed",
    model: wanted,
    dimensions,
    why: `texts are embedded again with ${wanted}: ${reason}`,
  };
}

/** The size of a source's vectors where Postgres takes it; null: the first vector decides. */
function storable(dimensions: number | null): number | null {
  return dimensions !== null && dimensions <= MAX_DIMENSIONS ? dimensions : null;
}
