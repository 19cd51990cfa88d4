import { sql } from "drizzle-orm";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { selectRows } from "./rows.ts";
import { decodeVector, encodeVector, encodeVectorArray } from "./vector.ts";

let own: TestDatabase;
let oid: number;
beforeAll(async () => {
  own = await createTestDatabase();
  ({ vector: oid } = await own.database.vectorTypes());
});
afterAll(() => own?.drop());

const bits = (vector: Float32Array) =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("hex");

/** Any finite float32 by its bits: subnormals, −0 and the extremes as often as others. */
const element = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1.401298464324817e-45, -1.1754942106924411e-38, 3.4028234663852886e38, 1, 1 / 3),
);
const vector = fc
  .array(element, { minLength: 1, maxLength: 6 })
  .map((elements) => new Float32Array(elements));

test("decodeVector(encodeVector()) is the same to the bit", () => {
  fc.assert(
    fc.property(vector, (value) => {
      expect(bits(decodeVector(encodeVector(value)))).toBe(bits(value));
    }),
  );
});

test("the wire format is pgvector's: dimensions, unused, then big-endian floats", () => {
  expect(encodeVector(new Float32Array([1, -2])).toString("hex")).toBe("000200003f800000c0000000");
});

test("through the database a vector comes back to the bit, subnormals and -0 included", async () => {
  for (const value of [...fc.sample(vector, { numRuns: 30, seed: 3 }), new Float32Array(16_000).fill(0.1)]) {
    const [row] = await own.database.transaction(({ orm }) =>
      selectRows<{ v: Uint8Array }>(orm, sql`SELECT vector_send(${encodeVector(value)}::vector) AS v`),
    );
    expect(bits(decodeVector(row?.v as Uint8Array))).toBe(bits(value));
  }
});

test("through the database an array comes back element by element, nulls in their places", async () => {
  const arrays: readonly (readonly (Float32Array | null)[])[] = [
    [],
    [null],
    [new Float32Array([1, 2]), null, new Float32Array([3])],
    [null, ...fc.sample(vector, { numRuns: 200, seed: 4 }), null],
  ];
  for (const value of arrays) {
    const rows = await own.database.transaction(({ orm }) =>
      selectRows<{ v: Uint8Array | null }>(
        orm,
        sql`SELECT vector_send(v) AS v FROM unnest(${sql.param(encodeVectorArray(value, oid))}::vector[]) WITH ORDINALITY AS x (v, n) ORDER BY n`,
      ),
    );
    expect(rows.map(({ v }) => v && bits(decodeVector(v)))).toEqual(value.map((item) => item && bits(item)));
  }
});

test("a view into a larger buffer is encoded as itself", () => {
  const whole = new Float32Array([9, 1, 2, 9]);
  expect(bits(decodeVector(encodeVector(whole.subarray(1, 3))))).toBe(bits(new Float32Array([1, 2])));
});
