import { isDeepStrictEqual } from "node:util";
import type { Metric } from "@cairn/core/index/metric.ts";
import { invalidArgument, undeserializable } from "../error.ts";
import type { Body } from "../request/body.ts";
import { isObject, optionalCount, optionalObject, wrongType } from "../request/fields.ts";

/** The settings of an HNSW index as Chroma describes them. Cairn chooses its own; it uses only `space`. */
export interface HnswSettings {
  readonly space: Metric;
  readonly ef_construction: number;
  readonly ef_search: number;
  readonly max_neighbors: number;
  readonly resize_factor: number;
  readonly sync_threshold: number;
}

/** The configuration of a collection, as responses show it. */
export interface Configuration {
  /** Null: a migrated collection of a server that uses SPANN. */
  readonly hnsw: HnswSettings | null;
  readonly spann: unknown;
  /** As the client sent it. */
  readonly embedding_function: unknown;
}

const DEFAULTS: HnswSettings = {
  space: "l2",
  ef_construction: 100,
  ef_search: 100,
  max_neighbors: 16,
  resize_factor: 1.2,
  sync_threshold: 1000,
};

export function defaultConfiguration(space: Metric): Configuration & { readonly hnsw: HnswSettings } {
  return { hnsw: { ...DEFAULTS, space }, spann: null, embedding_function: null };
}

const SPACES: readonly Metric[] = ["l2", "cosine", "ip"];
const COUNTS = ["ef_construction", "ef_search", "max_neighbors", "sync_threshold"] as const;
const HNSW_FIELDS = [
  "space",
  "ef_construction",
  "ef_search",
  "max_neighbors",
  "num_threads",
  "resize_factor",
  "sync_threshold",
  "batch_size",
];
const SPANN_FIELDS = [
  "search_nprobe",
  "write_nprobe",
  "space",
  "ef_construction",
  "ef_search",
  "max_neighbors",
  "reassign_neighbor_count",
  "split_threshold",
  "merge_threshold",
];

/** The configuration of a new collection. Settings in metadata (`hnsw:space`) are those of earlier clients. */
export function parseConfiguration(body: Body): Configuration & { readonly hnsw: HnswSettings } {
  const configuration = optionalObject(body, "configuration") ?? {};
  const path = "configuration";
  const hnsw = parseIndex(configuration, { path, name: "hnsw", fields: HNSW_FIELDS });
  const spann = parseIndex(configuration, { path, name: "spann", fields: SPANN_FIELDS });
  if (hnsw && spann) throw invalidArgument("Multiple vector index configurations provided");
  const { space, ef_construction, ef_search, max_neighbors } = spann ?? {};
  const settings =
    hnsw ?? (spann ? defined({ space, ef_construction, ef_search, max_neighbors }) : legacySettings(body));
  return {
    hnsw: { ...DEFAULTS, ...settings },
    spann: null,
    embedding_function: configuration.embedding_function ?? null,
  };
}

/** Whether a configuration sets nothing: clients name their default embedding function in any case. */
export function isDefault({ hnsw, embedding_function: embeddingFunction }: Configuration): boolean {
  return (embeddingFunction === null || isDefaultFunction(embeddingFunction)) && isDeepStrictEqual(hnsw, DEFAULTS);
}

/** Whether an embedding function, as a client describes it, is the one that clients use if none is chosen. */
export function isDefaultFunction(embeddingFunction: unknown): boolean {
  if (!isObject(embeddingFunction)) return false;
  const { type, name } = embeddingFunction;
  return type === "unknown" || name === "default";
}

/** The configuration after a change. */
export function changeConfiguration(current: Configuration, change: Body): Configuration {
  const hnsw = parseIndex(change, { path: "new_configuration", name: "hnsw", fields: HNSW_FIELDS.slice(2) }) ?? {};
  const spann = parseIndex(change, { path: "new_configuration", name: "spann", fields: SPANN_FIELDS }) ?? {};
  return {
    ...current,
    hnsw: current.hnsw && { ...current.hnsw, ...defined({ ef_search: spann.ef_search }), ...hnsw },
    ...(change.embedding_function == null ? {} : { embedding_function: change.embedding_function }),
  };
}

interface IndexFields {
  readonly path: string;
  readonly name: "hnsw" | "spann";
  readonly fields: readonly string[];
}

type PartialSettings = { -readonly [Key in keyof HnswSettings]?: HnswSettings[Key] };

function parseIndex(configuration: Body, { path, name, fields }: IndexFields): PartialSettings | undefined {
  const index = configuration[name] ?? undefined;
  if (index === undefined) return undefined;
  if (!isObject(index)) throw wrongType(`${path}.${name}`, index, "a map");
  const unknown = Object.keys(index).find((key) => !fields.includes(key));
  if (unknown !== undefined)
    throw undeserializable(
      `${path}.${name}.${unknown}`,
      `unknown field \`${unknown}\`, expected one of ${fields.map((field) => `\`${field}\``).join(", ")}`,
    );
  const { space, resize_factor: resizeFactor } = index;
  if (space != null && !isSpace(space))
    throw undeserializable(
      `${path}.${name}.space`,
      `unknown variant \`${String(space)}\`, expected one of \`l2\`, \`cosine\`, \`ip\``,
    );
  if (resizeFactor != null && typeof resizeFactor !== "number")
    throw wrongType(`${path}.${name}.resize_factor`, resizeFactor, "f64");
  const counts = COUNTS.map((key) => [key, optionalCount(index, key)]);
  return defined({
    space: space ?? undefined,
    resize_factor: resizeFactor ?? undefined,
    ...Object.fromEntries(counts),
  });
}

/** Names in metadata, and the settings that they were. */
const LEGACY: Readonly<Record<string, keyof HnswSettings>> = {
  "hnsw:space": "space",
  "hnsw:construction_ef": "ef_construction",
  "hnsw:search_ef": "ef_search",
  "hnsw:M": "max_neighbors",
  "hnsw:resize_factor": "resize_factor",
  "hnsw:sync_threshold": "sync_threshold",
};

function legacySettings(body: Body): PartialSettings {
  const metadata = isObject(body.metadata) ? body.metadata : {};
  const found = Object.entries(LEGACY).flatMap(([key, name]) => {
    const value = metadata[key];
    if (value === undefined) return [];
    const isValid =
      name === "space"
        ? isSpace(value)
        : typeof value === "number" && (name === "resize_factor" || Number.isInteger(value));
    if (!isValid) throw invalidArgument("Failed to parse hnsw parameters from segment metadata");
    return [[name, value]];
  });
  return Object.fromEntries(found);
}

function isSpace(value: unknown): value is Metric {
  return (SPACES as readonly unknown[]).includes(value);
}

function defined(settings: object): PartialSettings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
