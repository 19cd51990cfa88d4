import { sql } from "drizzle-orm";
import fc from "fast-check";
import { fromSql, toSql } from "pgvector";
import { beforeAll, expect, test } from "vitest";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { selectRows } from "./rows.ts";
import { decodeVector, encodeVector, encodeVectorArray, vectorArrayText } from "./vector.ts";

const own = useTestDatabase();
let oid: number;
beforeAll(async () => {
  ({ vector: oid } = await own.database.vectorTypes());
});

const bits = (vector: Float32Array) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("hex");

/** Any finite float32, often subnormals, −0 and the extremes. */
const element = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1.401298464324817e-45, -1.1754942106924411e-38, 3.4028234663852886e38, 1, 1 / 3),
);
const vector = fc.array(element, { minLength: 1, maxLength: 6 }).map((elements) => new Float32Array(elements));

test("decodeVector(encodeVector()) returns every bit unchanged", () => {
  fc.assert(
    fc.property(vector, (value) => {
      expect(bits(decodeVector(encodeVector(value)))).toBe(bits(value));
    }),
  );
});

test("the wire format is pgvector's: dimensions, unused, then big-endian floats", () => {
  expect(encodeVector(new Float32Array([1, -2])).toString("hex")).toBe("000200003f800000c0000000");
});

test("the database returns every bit of a vector unchanged, including subnormals and -0", async () => {
  for (const value of [...fc.sample(vector, { numRuns: 30, seed: 3 }), new Float32Array(16_000).fill(0.1)]) {
    const [row] = await own.database.transaction(({ orm }) =>
      selectRows<{ v: Uint8Array }>(orm, sql`SELECT vector_send(${encodeVector(value)}::vector) AS v`),
    );
    expect(bits(decodeVector(row?.v as Uint8Array))).toBe(bits(value));
  }
});

test("the database returns every element of an array unchanged, including nulls", async () => {
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

test("pgvector's own client reads what is written in binary, and what it writes reads the same in binary", async () => {
  for (const value of fc.sample(vector, { numRuns: 20, seed: 5 })) {
    const [row] = await own.database.transaction(({ orm }) =>
      selectRows<{ written: string; text: string; read: Uint8Array }>(
        orm,
        sql`SELECT ${encodeVector(value)}::vector::text AS written,
                   (${vectorArrayText(encodeVectorArray([value], oid))}::text::vector[])[1]::text AS text,
                   vector_send(${toSql([...value])}::text::vector) AS read`,
      ),
    );
    const numbers = Array.from(value, (element) => element + 0); // the text form of some clients has no -0
    for (const text of [row?.written, row?.text])
      expect(Array.from(fromSql(text ?? null) as number[], (one) => Math.fround(one) + 0)).toEqual(numbers);
    expect(Array.from(decodeVector(row?.read as Uint8Array), (one) => one + 0)).toEqual(numbers);
  }
});

test("a view of a larger buffer is encoded without the rest of the buffer", () => {
  const buffer = new Float32Array([9, 1, 2, 9]);
  expect(bits(decodeVector(encodeVector(buffer.subarray(1, 3))))).toBe(bits(new Float32Array([1, 2])));
});
