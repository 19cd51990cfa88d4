import { expect, test } from "vitest";
import type { ChromaCollection } from "./chroma-collection.ts";
import { metricOf } from "./metric.ts";

const collection = (described: object) =>
  ({ id: "1", name: "c", dimension: 3, metadata: null, ...described }) as ChromaCollection;
const schema = (space: string | null) => ({
  defaults: { float_list: { vector_index: { enabled: false, config: { space: "ip" } } } },
  keys: { "#embedding": { float_list: { vector_index: { enabled: true, config: { space } } } } },
});

test.each([
  ["no metric", {}, "l2"],
  ["0.4: metadata", { metadata: { "hnsw:space": "cosine", "hnsw:M": 8 } }, "cosine"],
  [
    "0.6: configuration",
    { configuration_json: { hnsw_configuration: { space: "ip", _type: "HNSWConfigurationInternal" } } },
    "ip",
  ],
  [
    "0.6: the default in the configuration, the user's metric in the metadata",
    { configuration_json: { hnsw_configuration: { space: "l2" } }, metadata: { "hnsw:space": "cosine" } },
    "cosine",
  ],
  ["0.6: as text", { configuration_json: '{"hnsw_configuration":{"space":"cosine"}}' }, "cosine"],
  ["1.0: hnsw", { configuration_json: { hnsw: { space: "cosine" }, spann: null } }, "cosine"],
  ["1.0: spann", { configuration_json: { hnsw: null, spann: { space: "ip" } } }, "ip"],
  [
    "1.0: the configuration over stale metadata",
    { configuration_json: { hnsw: { space: "ip" } }, metadata: { "hnsw:space": "cosine" } },
    "ip",
  ],
  ["1.0: as stored", { configuration_json: { vector_index: { hnsw: { space: "cosine" } } } }, "cosine"],
  ["under another name", { configuration: { hnsw: { space: "cosine" } } }, "cosine"],
  ["1.5: schema alone", { configuration_json: null, schema: schema("cosine") }, "cosine"],
  ["1.5: the schema's default", { schema: schema(null) }, "ip"],
  ["an unknown metric", { configuration_json: { hnsw: { space: "hamming" } } }, "l2"],
  ["no object", { configuration_json: [1], schema: "{", metadata: { "hnsw:space": 7 } }, "l2"],
] as const)("%s", (_name, described, metric) => {
  expect(metricOf(collection(described))).toBe(metric);
});
