import { readFile, writeFile } from "node:fs/promises";
import { beforeAll, expect, inject, test } from "vitest";
import { useTestApi } from "./support/api.ts";
import { cairnPeer, chromaOptions, chromaPeer } from "./support/chroma-api.ts";
import { type Answer, runSteps } from "./support/chroma-steps/step.ts";
import { STEPS } from "./support/chroma-steps/steps.ts";
import { useTestDatabase } from "./support/fixture.ts";

// A real Chroma server is the oracle: the same requests must have the same answers, except for ids, times and positions in a
// text. The newest server does not run everywhere, so its answers are recorded.

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => chromaOptions());

/** Answers with the same status and name, whose message says more or something else, and why. */
const OTHER_MESSAGES: Readonly<Record<string, { readonly message: RegExp; readonly reason: string }>> = {
  "short tenant": {
    message: /^Validation error: name: Validation error: length \[/,
    reason: "Chroma prints a hash map, whose order changes.",
  },
  malformed: {
    message: /^Failed to parse the request body as JSON: /,
    reason: "Another parser words its errors otherwise.",
  },
  ...Object.fromEntries(
    ["where {}", "two keys", "$in of two types", "empty $in", "$gt of a string", "delete where {}"].map((label) => [
      label,
      { message: /^Invalid where clause: filter/, reason: "Cairn adds what is wrong with the filter." },
    ]),
  ),
};

/** Answers of the newest server. `CAIRN_RECORD_CHROMA=1` with CAIRN_TEST_CHROMA writes them again; then run `npm run format`. */
const RECORDING = new URL("support/chroma-answers.json", import.meta.url);

type Answers = Readonly<Record<string, Answer>>;
let recorded: Answers;
let live: Answers;
let cairn: Answers;
let isNewest = false;

beforeAll(async () => {
  const url = inject("chromaUrl");
  isNewest = await hasNewestRoutes(url);
  const { key } = await api.addTenant();
  [live, cairn] = await Promise.all([runSteps(chromaPeer(url), STEPS), runSteps(cairnPeer(api, key), STEPS)]);
  if (process.env.CAIRN_RECORD_CHROMA) await writeFile(RECORDING, `${JSON.stringify(live, null, 1)}\n`);
  recorded = JSON.parse(await readFile(RECORDING, "utf8"));
});

test("the answers equal those that the newest Chroma server gave", () => {
  expect(Object.keys(recorded)).toEqual(STEPS.map(({ label }) => label));
  expect(differences(recorded, cairn)).toEqual([]);
});

test("the recorded answers are those of the newest Chroma server", ({ skip }) => {
  if (!isNewest) skip("the running Chroma server is older");
  expect(differences(recorded, live)).toEqual([]);
});

test("where the bundled Chroma server answers as the newest, so does Cairn", () => {
  const same = Object.keys(recorded).filter((label) => isSame(recorded[label], live[label]));
  expect(same.length).toBeGreaterThan(STEPS.length / 2);
  expect(same.filter((label) => differs(live, cairn, label))).toEqual([]);
});

function differences(expected: Answers, actual: Answers) {
  return Object.keys(expected)
    .filter((label) => differs(expected, actual, label))
    .map((label) => ({ label, expected: expected[label], actual: actual[label] }));
}

function differs(expected: Answers, actual: Answers, label: string): boolean {
  return !isSame(withKnownMessage(label, expected[label]), withKnownMessage(label, actual[label]));
}

/** The answer without a message that may differ, if it has the expected form. Chroma's is the beginning of Cairn's. */
function withKnownMessage(label: string, answer: Answer | undefined): unknown {
  const expected = OTHER_MESSAGES[label]?.message;
  const { message, ...body } = (answer?.body ?? {}) as { readonly message?: string };
  if (!expected || typeof message !== "string") return answer;
  const isKnown = expected.test(message) || expected.source.startsWith(`^${message}`);
  return isKnown ? { ...answer, body: { ...body, message: "(differs)" } } : answer;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

/** Whether a server has the routes of the newest one. */
async function hasNewestRoutes(url: string): Promise<boolean> {
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as {
    readonly paths: Readonly<Record<string, unknown>>;
  };
  return Object.keys(paths).some((path) => path.endsWith("/indexing_status"));
}
