import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { loadKnowledge } from "@cairn/cli/demo/knowledge/knowledge.ts";

/** Documents of one collection, with questions whose answers were judged. */
export interface JudgedSet {
  readonly name: string;
  readonly documents: readonly { readonly id: string; readonly content: string }[];
  readonly questions: readonly JudgedQuestion[];
}

export interface JudgedQuestion {
  readonly text: string;
  /** The relevant documents, with their gain: the higher, the better. */
  readonly gains: ReadonlyMap<string, number>;
}

/** The demo's four tenants, with questions in other words than those of the passages that answer them. */
export async function paraphrases(): Promise<readonly JudgedSet[]> {
  const questions = JSON.parse(await readFile(new URL("paraphrases.json", import.meta.url), "utf8")) as readonly {
    readonly tenant: string;
    readonly question: string;
    readonly answer: string;
  }[];
  const tenants = await loadKnowledge();
  return tenants.map(({ name, passages }) => ({
    name,
    documents: passages.map(({ id, text }) => ({ id, content: text })),
    questions: questions
      .filter(({ tenant }) => tenant === name)
      .map(({ question, answer }) => ({ text: question, gains: new Map([[answer, 1]]) })),
  }));
}

/** The Cranfield collection in a folder: documents.jsonl, queries.jsonl and qrels.tsv with the codes 1 (best) to 5. */
export async function cranfield(folder: string): Promise<JudgedSet> {
  const lines = async (name: string) => (await readFile(join(folder, name), "utf8")).trim().split("\n");
  const gains = new Map<string, Map<string, number>>();
  for (const line of await lines("qrels.tsv")) {
    const [query = "", document = "", code] = line.split("\t");
    const gain = 5 - Number(code);
    if (gain > 0) gains.set(query, (gains.get(query) ?? new Map<string, number>()).set(document, gain));
  }
  const parse = async (name: string) =>
    (await lines(name)).map((line) => JSON.parse(line) as { id: string; content: string; query: string });
  return {
    name: "Cranfield",
    documents: (await parse("documents.jsonl")).filter(({ content }) => content.trim() !== ""),
    questions: (await parse("queries.jsonl")).flatMap(({ id, query }) => {
      const relevant = gains.get(id);
      return relevant ? { text: query, gains: relevant } : [];
    }),
  };
}
