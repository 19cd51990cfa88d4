import { existsSync } from "node:fs";
import { join } from "node:path";
import data from "@cairn/core/embedding/word-table/table.json" with { type: "json" };
import { hashTable } from "@cairn/core/embedding/word-table/table.ts";
import { expect, test } from "vitest";
import { CACHE } from "../bench/datasets/packages.ts";
import { makeWordTable } from "../bench/word-table/make.ts";

/** GloVe's vectors are 300 MB to download, so they are there only after `npm run build:word-table` or `npm run bench -- real`. */
const hasVectors = existsSync(join(CACHE, "glove-100.f32"));

test.runIf(hasVectors)(
  "building the table of word vectors again gives the committed table",
  async () => expect(hashTable(await makeWordTable())).toBe(hashTable(data)),
  600_000,
);
