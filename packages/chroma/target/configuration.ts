import { isDeepStrictEqual } from "node:util";
import type { JsonObject } from "@cairn/core/database/json.ts";
import type { Metric } from "@cairn/core/index/metric.ts";
import type { Configuration, HnswSettings } from "../server/collection/configuration.ts";
import { isDefaultSchema } from "../server/collection/default-schema.ts";
import { type ChromaAttributes, configurationOf } from "../server/collection/stored.ts";
import type { Body } from "../server/request/body.ts";
import type { SourceCollection } from "../source/source.ts";
import type { NewTargetCollection } from "./target.ts";

/** Settings of an index that Chroma can change. */
const CHANGEABLE = ["ef_search", "max_neighbors", "resize_factor", "sync_threshold"] as const;

/** The configuration and the schema of a collection that is created in Chroma with what Cairn knows of it. */
export function newConfiguration(
  metric: Metric,
  attributes: ChromaAttributes,
): Pick<NewTargetCollection, "configuration" | "schema"> {
  const { hnsw, spann, embedding_function } = configurationOf(metric, attributes);
  const index = hnsw ? { hnsw: { ...hnsw, space: metric } } : { spann };
  const configuration = { ...index, ...(embedding_function ? { embedding_function } : {}) } as unknown as JsonObject;
  const schema = attributes.schema as Body | undefined;
  if (!schema || isDefaultSchema(schema)) return { configuration };
  return { configuration, schema: schema as JsonObject };
}

export interface ConfigurationDifference {
  /** The change that Chroma accepts. Undefined: there is nothing that could be changed. */
  readonly change?: JsonObject;
  /** What differs and cannot be changed. */
  readonly fixed: readonly string[];
}

/** How the configuration of a collection in Chroma differs from what Cairn knows of it. A collection without attributes has only a metric. */
export function compareConfiguration(
  metric: Metric,
  attributes: ChromaAttributes,
  chroma: SourceCollection,
): ConfigurationDifference {
  const current = (chroma.attributes?.configuration ?? undefined) as Configuration | undefined;
  const fixed = chroma.metric === metric ? [] : [`metric (${chroma.metric} instead of ${metric})`];
  if (!attributes.configuration || !current) return { fixed };
  const wanted = configurationOf(metric, attributes);
  const settings = differingSettings(wanted.hnsw, current.hnsw);
  const hnsw = Object.fromEntries(settings.filter(([name]) => (CHANGEABLE as readonly string[]).includes(name)));
  const hasOtherFunction = !isDeepStrictEqual(wanted.embedding_function, current.embedding_function);
  const setsFunction = hasOtherFunction && wanted.embedding_function !== null;
  const change = {
    ...(Object.keys(hnsw).length > 0 ? { hnsw } : {}),
    ...(setsFunction ? { embedding_function: wanted.embedding_function } : {}),
  } as JsonObject;
  return {
    ...(Object.keys(change).length > 0 ? { change } : {}),
    fixed: [
      ...fixed,
      ...settings.flatMap(([name]) => ((CHANGEABLE as readonly string[]).includes(name) ? [] : [name])),
      ...(hasOtherFunction && !setsFunction ? ["embedding_function"] : []),
    ],
  };
}

/** The settings, apart from the metric, that differ, with their wanted values. */
function differingSettings(wanted: HnswSettings | null, current: HnswSettings | null) {
  if (!wanted || !current) return [];
  return Object.entries(wanted).filter(
    ([name, value]) => name !== "space" && current[name as keyof HnswSettings] !== value,
  );
}
