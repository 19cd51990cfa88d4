import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { beforeAll, expect, inject, test } from "vitest";
import { useTestApi } from "./support/api.ts";
import { type Command, chromaCommand } from "./support/arbitrary/chroma-command.ts";
import { type ChromaPeer, cairnPeer, chromaOptions, chromaPeer } from "./support/chroma-api.ts";
import { useTestDatabase } from "./support/fixture.ts";

// Random sequences of writes and reads go to a real Chroma server and to Cairn, and every answer must be the same. Chroma's
// index can miss live records after deletes and upserts: its hits are checked against Cairn's, which are compared one by one.

const SEED = Number(process.env.CAIRN_TEST_SEED ?? 20_261_130);
const SEQUENCES = Number(process.env.CAIRN_TEST_SEQUENCES ?? 60);
const LENGTH = 60;
const DATABASE = "/api/v2/tenants/default_tenant/databases/default_database";

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => chromaOptions());
let chroma: ChromaPeer;
let cairn: ChromaPeer;
let lists = false;

beforeAll(async () => {
  chroma = chromaPeer(inject("chromaUrl"));
  cairn = cairnPeer(api, (await api.addTenant()).key);
  lists = await supportsLists();
});

test.each(["l2", "cosine", "ip"])(
  `${(SEQUENCES * LENGTH) / 3} random requests are answered as by a real Chroma server (%s)`,
  async (space) => {
    const commands = fc.array(chromaCommand({ lists }), { minLength: LENGTH, maxLength: LENGTH });
    const property = fc.asyncProperty(commands, (sequence) => compare(space, sequence));
    await fc.assert(property, { seed: SEED, numRuns: SEQUENCES / 3, endOnFailure: true });
  },
  300_000,
);

async function compare(space: string, sequence: readonly Command[]): Promise<void> {
  const name = `parity-${randomUUID()}`;
  const [ours, theirs] = await Promise.all([create(cairn, name, space), create(chroma, name, space)]);
  for (const command of sequence) {
    const [actual, expected] = await Promise.all([send(cairn, ours, command), send(chroma, theirs, command)]);
    if (command.route === "query" && expected.status === 200) compareHits(actual, expected, command);
    else expect(rounded(actual), JSON.stringify(command)).toEqual(rounded(expected));
  }
}

async function create(peer: ChromaPeer, name: string, space: string): Promise<string> {
  const { text } = await peer.request("POST", `${DATABASE}/collections`, { name, configuration: { hnsw: { space } } });
  return `${DATABASE}/collections/${JSON.parse(text).id}`;
}

interface Result {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the two servers' answers are compared as they are
  readonly body: any;
}

async function send(peer: ChromaPeer, collection: string, { route, body }: Command): Promise<Result> {
  const response = await peer.request(route === "count" ? "GET" : "POST", `${collection}/${route}`, body);
  const parsed = response.text === "" ? undefined : JSON.parse(response.text);
  // An older server does not report the number of deleted records.
  return { status: response.status, body: route === "delete" && !lists ? {} : withoutEmptyMetadata(parsed) };
}

/** Chroma normalizes vectors of a cosine collection and returns them with an error in the last digit. */
function rounded<T>(body: T): T {
  return JSON.parse(JSON.stringify(body), (_, value) =>
    typeof value === "number" ? Math.round(value * 1e5) / 1e5 : value,
  );
}

/** Null instead of `{}`, which a Chroma server returns for a record without metadata if it has a URI or once had a list. */
function withoutEmptyMetadata<T>(body: T): T {
  return JSON.parse(JSON.stringify(body), (_, value) =>
    value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length === 0
      ? null
      : value,
  );
}

interface Hit {
  readonly id: string;
  readonly distance: number;
  readonly document: string | null;
  readonly metadata: unknown;
}

/** Every hit of Chroma has the same distance and fields in Cairn, unless a record that Chroma missed took its place. */
function compareHits(actual: Result, expected: Result, command: Command): void {
  const message = JSON.stringify(command);
  expect(actual.status, message).toBe(200);
  for (const [index] of (expected.body.ids as readonly string[][]).entries()) {
    const ours = hitsOf(actual, index);
    const theirs = hitsOf(expected, index);
    expect(ours.length, message).toBeGreaterThanOrEqual(theirs.length);
    const farthest = ours.at(-1)?.distance ?? Number.POSITIVE_INFINITY;
    const distances = ours.map(({ distance }) => distance);
    expect(distances, message).toEqual(distances.toSorted((a, b) => a - b));
    for (const hit of theirs) {
      const same = ours.find(({ id }) => id === hit.id);
      if (!same) expect(hit.distance, message).toBeGreaterThanOrEqual(farthest - 1e-5);
      else {
        expect({ ...same, distance: 0 }, message).toEqual({ ...hit, distance: 0 });
        expect(same.distance, message).toBeCloseTo(hit.distance, 5);
      }
    }
  }
}

function hitsOf({ body }: Result, index: number): readonly Hit[] {
  return body.ids[index].map((id: string, place: number) => ({
    id,
    distance: body.distances[index][place],
    document: body.documents[index][place],
    metadata: body.metadatas[index][place],
  }));
}

async function supportsLists(): Promise<boolean> {
  const collection = await create(chroma, `lists-${randomUUID()}`, "l2");
  const body = { ids: ["a"], embeddings: [[1]], metadatas: [{ list: ["a"] }] };
  return (await chroma.request("POST", `${collection}/add`, body)).status === 201;
}
