import { join } from "node:path";
import { beforeAll, expect, inject, test } from "vitest";
import { useCairnCli } from "./support/cairn-cli.ts";
import { createChromaCollection, putRecords, tenantName } from "./support/fill-chroma.ts";
import { tinyVector, writeTinyModel } from "./support/tiny-model.ts";

// Migrates a Chroma collection that uses the default embedding function, and queries it by text.

const MODEL = "all-MiniLM-L6-v2";
const DIMENSIONS = 384;
const DEFAULT_FUNCTION = { type: "known", name: "default", config: {} };
/** Node options that hide the package that runs local models. */
const WITHOUT_PACKAGE = `--import=data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  registerHooks({
    resolve: (specifier, context, next) => next(specifier.replace("@huggingface/transformers", "not-installed"), context),
  });`)}`;
const WORDS: Readonly<Record<string, readonly string[]>> = {
  shipping: ["ship", "##ping"],
  policy: ["our", "return", "policy"],
  question: ["what", "is", "our", "return", "policy", "?"],
};

const cli = useCairnCli();
let models: string;
beforeAll(async () => {
  models = join(cli.folder, "models");
  await writeTinyModel(join(models, MODEL), DIMENSIONS);
  const { name } = tenantName();
  const collection = await createChromaCollection(inject("chromaUrl"), name, {
    configuration: { embedding_function: DEFAULT_FUNCTION },
  });
  await putRecords(
    collection,
    Object.entries(WORDS).map(([id, words]) => ({ id, embedding: [...tinyVector(words, DIMENSIONS)] })),
  );
  expect(await cli.run(["migrate", "--chroma", inject("chromaUrl"), "--only", name])).toMatchObject({
    code: 0,
    out: expect.stringContaining("Identical"),
    err: expect.stringContaining(`vectors are copied: the target keeps the model local/${MODEL}`),
  });
});

const query = (env: NodeJS.ProcessEnv, ...flags: string[]) =>
  cli.run(["query", "What is our return policy?", ...flags], { env });

test("a migrated collection answers queries by text, embedded by the model of its vectors in the process", async () => {
  const { code, out } = await query({ CAIRN_LOCAL_MODELS: models }, "--json");
  expect(code).toBe(0);
  const { hits } = JSON.parse(out);
  expect(hits).toMatchObject([{ id: "question" }, { id: "policy" }, { id: "shipping" }]);
  expect(hits[0].distance).toBeCloseTo(0, 5);
  expect(hits[1].distance).toBeGreaterThan(0.01);
});

test("the error says what to install without the package, and where the model was searched without the model", async () => {
  const withoutPackage = await query({ CAIRN_LOCAL_MODELS: models, NODE_OPTIONS: WITHOUT_PACKAGE });
  expect(withoutPackage.code).toBe(1);
  expect(withoutPackage.err).toContain(`local/${MODEL}`);
  expect(withoutPackage.err).toContain("npm install @huggingface/transformers");
  expect(withoutPackage.err).toContain("CAIRN_LOCAL_URL");

  const withoutModel = await query({ CAIRN_LOCAL_MODELS: cli.folder });
  expect(withoutModel.code).toBe(1);
  expect(withoutModel.err).toContain(`local/${MODEL}`);
  expect(withoutModel.err).toContain("CAIRN_LOCAL_MODELS");
});
