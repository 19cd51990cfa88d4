import { beforeAll, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { type JsonObject, parseJson } from "../database/json.ts";
import { countDocuments } from "./count.ts";
import { restoreDocuments } from "./restore.ts";

const testDatabase = useTestDatabase();
const tenantId = useTenant(testDatabase);
beforeAll(async () => {
  await createCollection(testDatabase.database, tenantId, { embeddingModel: "offline/words", dimensions: 2 });
});

const restore = (metadata: string, vector = [1, 0]) =>
  restoreDocuments(testDatabase.services, tenantId, {
    documents: [
      { id: "good", passages: [{ content: "x", embedding: new Float32Array([1, 0]) }] },
      {
        id: "bad",
        metadata: parseJson(metadata) as JsonObject,
        passages: [{ content: "x", embedding: Float32Array.from(vector) }],
      },
    ],
  });

test.each([
  [
    "a number that no double can represent",
    '{"size": 1e400}',
    [1, 0],
    /"bad" cannot be restored.*metadata\.size is 1e400/,
  ],
  ["deep metadata", `{"a": ${"[".repeat(70)}${"]".repeat(70)}}`, [1, 0], /"bad".*deeper than 64/],
  ["a vector of zeros", "{}", [0, 0], /"bad".*all zeros/],
  ["a vector that is not finite", "{}", [1, Number.NaN], /"bad".*not finite/],
])("an exported document with %s is rejected, and no document is written", async (_, metadata, vector, message) => {
  await expect(restore(metadata, vector)).rejects.toMatchObject({ code: "invalid_input", message });
  expect(await countDocuments(testDatabase.database, tenantId)).toEqual({ documents: 0, passages: 0 });
});
