import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { createCollection } from "../collection/create.ts";
import { type JsonObject, parseJson } from "../database/json.ts";
import { createTenant } from "../tenant/tenant.ts";
import { countDocuments } from "./list.ts";
import { restoreDocuments } from "./restore.ts";

let own: TestDatabase;
let tenantId: string;
beforeAll(async () => {
  own = await createTestDatabase();
  ({ id: tenantId } = await createTenant(own.database));
  await createCollection(own.database, tenantId, { embeddingModel: "offline/words", dimensions: 2 });
});
afterAll(() => own?.drop());

const restore = (metadata: string, vector = [1, 0]) =>
  restoreDocuments(offlineServices(own.database), tenantId, {
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
    "a number that no double holds",
    '{"size": 1e400}',
    [1, 0],
    /"bad" cannot be restored.*metadata\.size is 1e400/,
  ],
  ["deep metadata", `{"a": ${"[".repeat(70)}${"]".repeat(70)}}`, [1, 0], /"bad".*deeper than 64/],
  ["a vector of zeros", "{}", [0, 0], /"bad".*all zeros/],
  ["a vector that is not finite", "{}", [1, Number.NaN], /"bad".*not finite/],
])(
  "of exported documents one with %s is refused, and none is written",
  async (_, metadata, vector, message) => {
    await expect(restore(metadata, vector)).rejects.toMatchObject({ code: "invalid_input", message });
    expect(await countDocuments(own.database, tenantId)).toEqual({ documents: 0, passages: 0 });
  },
);
