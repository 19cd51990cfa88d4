import { beforeAll, expect, inject, test } from "vitest";
import { useTestApi } from "./support/api.ts";
import { cairnPeer, chromaOptions, chromaPeer } from "./support/chroma-api.ts";
import { type Answer, NEWER_STEPS, runSteps, STEPS } from "./support/chroma-steps.ts";
import { useTestDatabase } from "./support/fixture.ts";

// A real Chroma server is the oracle: the same requests must have the same answers, except for ids, times and positions in a
// text. The server that npm bundles is compared as far as it has the same features as the newest.

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => chromaOptions());

/** Answers with the same status and name, whose message says more or something else, and why. */
const OTHER_MESSAGES: Readonly<Record<string, { readonly message: RegExp; readonly reason: string }>> = {
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

let chroma: ReadonlyMap<string, Answer>;
let cairn: ReadonlyMap<string, Answer>;
let isNewest = false;

beforeAll(async () => {
  const oracle = chromaPeer(inject("chromaUrl"));
  isNewest = await supportsLists(inject("chromaUrl"));
  const steps = isNewest ? [...STEPS, ...NEWER_STEPS] : STEPS;
  const { key } = await api.addTenant();
  [chroma, cairn] = await Promise.all([runSteps(oracle, steps), runSteps(cairnPeer(api, key), steps)]);
});

test("the answers equal those of a real Chroma server", () => {
  const differences = [...chroma]
    .filter(([label, answer]) => !isSame(withKnownMessage(label, answer), withKnownMessage(label, cairn.get(label))))
    .map(([label, answer]) => ({ label, chroma: answer, cairn: cairn.get(label) }));
  expect(differences).toEqual([]);
});

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

async function supportsLists(url: string): Promise<boolean> {
  const description = (await (await fetch(`${url}/openapi.json`)).json()) as {
    readonly info: { readonly version: string };
  };
  const [major = 0, minor = 0] = description.info.version.split(".").map(Number);
  return major > 1 || minor >= 4;
}
