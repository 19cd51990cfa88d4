import { expect, test } from "vitest";
import { readSettings, type StoredSettings, storedSettings, tailAccuracy } from "./accuracy.ts";
import type { Accuracy } from "./indexed-range.ts";

const fine = { isBinaryTooCoarse: false };
const coarse = { isBinaryTooCoarse: true };

test.each<[string, StoredSettings, Accuracy]>([
  [
    "a calibrated binary index",
    { reranked: 130, depth: 500 },
    { kind: "binary", rerank: 130, filterDepth: 500, ...fine },
  ],
  [
    "one of an earlier version, without a filter depth",
    { reranked: 130 },
    { kind: "binary", rerank: 130, filterDepth: 0, ...fine },
  ],
  [
    "a requested one that is too coarse",
    { reranked: 400, depth: 0, coarse: true },
    { kind: "binary", rerank: 400, filterDepth: 0, ...coarse },
  ],
  ["one that is being built, or IVFFlat", {}, { kind: "uncalibrated_binary", ...fine }],
  ["one of these after an earlier calibration", { coarse: true }, { kind: "uncalibrated_binary", ...coarse }],
])("the accuracy of a binary index: %s", (_, stored, accuracy) => {
  expect(readSettings({ precision: "bit", ...stored }).accuracy).toEqual(accuracy);
});

test.each<[string, StoredSettings, Accuracy]>([
  ["half precision", { precision: "halfvec" }, { kind: "full", ...fine }],
  [
    "half precision, because binary was too coarse",
    { precision: "halfvec", coarse: true },
    { kind: "full", ...coarse },
  ],
  ["full precision", { precision: "vector" }, { kind: "full", ...fine }],
  ["full precision, because binary was too coarse", { precision: "vector", coarse: true }, { kind: "full", ...coarse }],
  ["a keyword index", { metadata: true, bigrams: true }, { kind: "full", ...fine }],
])("the accuracy of another index: %s", (_, stored, accuracy) => {
  expect(readSettings(stored).accuracy).toEqual(accuracy);
});

/** What the database returns for stored settings. */
const asJson = <T>(value: T): T => JSON.parse(JSON.stringify(value));

test("settings have the stored names of earlier versions, and are read as they were written", () => {
  const settings = {
    precision: "bit" as const,
    stored: true as const,
    mark: 7,
    accuracy: { kind: "binary", rerank: 110, filterDepth: 1_000, ...coarse } as const,
    requested: { precision: "bit" as const, lists: 3 },
  };
  expect(asJson(storedSettings(settings))).toEqual({
    precision: "bit",
    stored: true,
    mark: 7,
    reranked: 110,
    depth: 1_000,
    coarse: true,
    asked: { precision: "bit", lists: 3 },
  });
  expect(readSettings(asJson(storedSettings(settings)))).toEqual(settings);
  for (const precision of ["bit", "halfvec"] as const)
    for (const isBinaryTooCoarse of [false, true]) {
      const kind = precision === "bit" ? "uncalibrated_binary" : "full";
      const plain = { precision, accuracy: { kind, isBinaryTooCoarse } as const };
      expect(readSettings(asJson(storedSettings(plain)))).toEqual(plain);
    }
  expect(asJson(storedSettings({ metadata: true }))).toEqual({ metadata: true });
});

test("the tail's index has the measurements of a calibrated binary index, and of another index none", () => {
  const stored = (accuracy: Accuracy) => asJson(storedSettings({ accuracy: tailAccuracy(accuracy) }));
  const measured = { kind: "binary", rerank: 400, filterDepth: 200 } as const;
  for (const accuracy of [fine, coarse])
    expect(stored({ ...measured, ...accuracy })).toEqual({ reranked: 400, depth: 200 });
  expect(stored({ kind: "uncalibrated_binary", ...coarse })).toEqual({});
  expect(stored({ kind: "full", ...coarse })).toEqual({});
  expect(tailAccuracy({ kind: "full", ...coarse })).toEqual({ kind: "uncalibrated_binary", ...fine });
});
