import type { RealDocument } from "./records.ts";

/** A class of filter, with the same condition as a function, which decides the true neighbors. */
export interface FilterCase {
  readonly name: string;
  readonly filter?: object;
  readonly whereDocument?: object;
  readonly matches: (document: RealDocument) => boolean;
}

const range = (key: "percent" | "score", operator: "$gt" | "$lt", bound: number): FilterCase => ({
  name: `${key} ${operator} ${bound}`,
  filter: { [key]: { [operator]: bound } },
  matches: ({ metadata }) => (operator === "$gt" ? metadata[key] > bound : metadata[key] < bound),
});

const buckets = (count: number): FilterCase => {
  const names = Array.from({ length: count }, (_, at) => `bucket-${at * 5}`);
  return {
    name: `bucket $in ${count} of 100`,
    filter: { bucket: { $in: names } },
    matches: ({ metadata }) => names.includes(metadata.bucket),
  };
};

const containing = (text: string): FilterCase => ({
  name: `text $contains ${JSON.stringify(text)}`,
  whereDocument: { $contains: text },
  matches: ({ content }) => (content ?? "").includes(text),
});

/** `percent` and `bucket` are independent of the vectors; `score` and `topic` depend on them. */
export const CASES: readonly FilterCase[] = [
  { name: "no filter", matches: () => true },
  {
    name: "bucket $eq",
    filter: { bucket: "bucket-7" },
    matches: ({ metadata }) => metadata.bucket === "bucket-7",
  },
  {
    name: "topic $eq",
    filter: { topic: "topic-7" },
    matches: ({ metadata }) => metadata.topic === "topic-7",
  },
  buckets(5),
  buckets(20),
  ...[99.5, 98, 95, 80].flatMap((bound) => [range("percent", "$gt", bound), range("score", "$gt", bound)]),
  ...[0.5, 2, 5, 20].flatMap((bound) => [range("percent", "$lt", bound), range("score", "$lt", bound)]),
  {
    name: "bucket $ne",
    filter: { bucket: { $ne: "bucket-7" } },
    matches: ({ metadata }) => metadata.bucket !== "bucket-7",
  },
  containing("ing"),
  containing("ology"),
];
