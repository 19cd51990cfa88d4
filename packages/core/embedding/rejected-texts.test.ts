import { describe, expect, test } from "vitest";
import { KEY, MODEL, SIZE, startDialect, texts, vectors } from "../../../test/support/dialect-embedder.ts";
import { vectorOf } from "../../../test/support/embedding-api.ts";
import { type Dialect, ollama, tei, unusable } from "../../../test/support/embedding-dialects.ts";
import { AppError } from "../error.ts";

describe("a text that the model rejects fails alone", () => {
  const long = "word ".repeat(600).trim();
  const isPoison = (text: string) => text.includes("poison");
  const rejectingStatus = (status: number, body: unknown): Dialect => ({
    poison: (text) => (isPoison(text) ? { status, body } : undefined),
  });

  test.each([
    ["TEI, 413", tei(), long, "invalid_input", /must have less than 512 tokens\. Given: 600/],
    ["a 400", rejectingStatus(400, { error: { message: "not this one" } }), "poison", "invalid_input", /not this one/],
    ["a 422", rejectingStatus(422, { detail: "not this one" }), "poison", "invalid_input", /not this one/],
    ["a 500 of Ollama", ollama(isPoison), "poison", "embedding_failed", /unsupported value: NaN/],
    [
      "a 424 of TEI",
      rejectingStatus(424, { message: "backend", code: 424, type: "Backend" }),
      "poison",
      "embedding_failed",
      /backend/,
    ],
    [
      "a 200 with an error",
      rejectingStatus(200, { error: "cannot embed" }),
      "poison",
      "embedding_failed",
      /200 with an error: cannot embed/,
    ],
  ] as const)("%s", async (_, dialect, poison, code, words) => {
    for (const place of [0, 13, 39]) {
      const { embed, server } = await startDialect({ dialect }, { attempts: 2 });
      const list = texts(40).toSpliced(place, 1, poison);
      const { value, requests, error } = await embed(list);
      expect(error).toBeUndefined();
      expect(value[place]).toMatchObject({ code, message: expect.stringMatching(words) });
      expect(value.toSpliced(place, 1)).toEqual(vectors(list.toSpliced(place, 1)));
      expect(requests.length).toBeLessThan(30);
      await server.stop();
    }
  });

  test.each([
    ["a null element", [null, 1, 1, 1, 1, 1, 1, 1]],
    ["null in the place of the vector", null],
    ["an empty vector", []],
    ["all zeros", Array(SIZE).fill(0)],
    ["zeros in base64", Buffer.alloc(SIZE * 4).toString("base64")],
    ["NaN in base64", Buffer.from(new Float32Array(SIZE).fill(Number.NaN).buffer).toString("base64")],
    ["half of its base64", Buffer.from(new Float32Array(SIZE).fill(1).buffer).toString("base64").slice(0, 21)],
    ["text that is no base64", "not a vector"],
    ["another size than the others", [1, 2, 3]],
    ["a number beyond 32 bits", [1e39, 1, 1, 1, 1, 1, 1, 1]],
  ])("%s", async (_, vector) => {
    const { embed } = await startDialect(
      { dialect: unusable((text) => (isPoison(text) ? (vector ?? {}) : undefined)) },
      { attempts: 2 },
    );
    const { value } = await embed([...texts(5), "poison", "last"]);
    expect(value[5]).toMatchObject({
      code: "embedding_failed",
      message: expect.stringContaining("a vector cannot be used"),
    });
    expect(value.toSpliced(5, 1)).toEqual(vectors([...texts(5), "last"]));
  });

  test("several failing texts, and a single one, fail alone", async () => {
    const { embed } = await startDialect({ dialect: ollama(isPoison) }, { attempts: 1 });
    const list = texts(64).map((text, n) => (n % 9 === 4 ? `poison ${n}` : text));
    const { value } = await embed(list);
    for (const [n, one] of value.entries())
      if (n % 9 === 4) expect(one).toBeInstanceOf(AppError);
      else expect(one).toEqual(vectorOf(list[n] as string, SIZE, MODEL));
    expect((await embed(["poison"])).value).toEqual([expect.objectContaining({ code: "embedding_failed" })]);
  });

  test("no text is billed twice", async () => {
    const { embed, server } = await startDialect({ dialect: ollama(isPoison) }, { attempts: 2 });
    const list = [...texts(30), "poison"];
    await embed(list);
    expect(server.billed.filter((text) => text !== "hello").toSorted()).toEqual(texts(30).toSorted());
  });
});

describe("the server's message is reported without texts and keys", () => {
  const secret = "the recipe of the secret sauce";
  test.each([
    [500, { error: { message: "model crashed" } }, "model crashed"],
    [500, { error: "model crashed" }, "model crashed"],
    [500, { message: "model crashed", code: "E1" }, "model crashed"],
    [500, { detail: "model crashed" }, "model crashed"],
    [422, { detail: [{ loc: ["body", "model"], msg: "unknown model", input: secret }] }, "body.model: unknown model"],
    [500, { success: false, errors: [{ code: 7, message: "model crashed" }] }, "model crashed"],
    [500, "model crashed", "model crashed"],
    [500, "<html><head><title>Proxy Error</title></head></html>", "Proxy Error"],
    [200, { error: { message: "model crashed", code: 500 } }, "model crashed"],
    [200, { detail: "model crashed" }, "model crashed"],
    [200, { object: "error", message: "model crashed" }, "model crashed"],
    [200, { data: [], error: "model crashed" }, "model crashed"],
    [400, { error: `bad input: ${secret}, key ${KEY}, Bearer abcdefgh12345678` }, "bad input: …, key …, …"],
  ])("%i %j", async (status, body, words) => {
    const { embed, server } = await startDialect({}, { attempts: 1 });
    server.always({ kind: "body", status, body });
    const { error } = await embed([secret]);
    expect(error?.message).toContain(words);
    expect(JSON.stringify([error?.message, error?.stack, error?.cause])).not.toMatch(/recipe|very-secret|abcdefgh/);
  });
});
