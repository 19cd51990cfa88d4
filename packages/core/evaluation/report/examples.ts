import { getCollection } from "../../collection/get.ts";
import { query } from "../../search/query.ts";
import type { Services } from "../../services.ts";
import { embedQuestions } from "../embed-questions.ts";
import { searchOf } from "../evaluate.ts";
import type { Evaluation, VariantResult } from "../evaluation.ts";
import type { Question } from "../question.ts";

/** A question that a variant answered better or worse than the baseline, with the passages of both. */
export interface Example {
  readonly question: Question;
  readonly before: ShownAnswer;
  readonly after: ShownAnswer;
}

export interface ShownAnswer {
  readonly variant: string;
  readonly ndcg: number;
  readonly hits: readonly ShownHit[];
}

export interface ShownHit {
  readonly id: string;
  /** 0: not relevant. Null: not judged. */
  readonly grade: number | null;
  /** The passage. Null: it has no text. */
  readonly text: string | null;
}

/** What a variant won and lost against the baseline, most of it first. */
export interface Comparison {
  readonly variant: VariantResult;
  readonly won: number;
  readonly lost: number;
  readonly equal: number;
  readonly wins: readonly Example[];
  readonly losses: readonly Example[];
}

/** Maximum examples of each kind for each variant. */
const MAX_EXAMPLES = 8;

/** Hits that an example shows. */
const SHOWN_HITS = 5;

/** Differences of nDCG up to this one count as equal. */
const EQUAL = 1e-9;

/**
 * Compares each variant with the baseline question by question. The largest wins and losses are searched again, to show the
 * passages, which an evaluation does not keep.
 */
export async function compareQuestions(
  services: Services,
  tenantId: string,
  { evaluation, questions }: { readonly evaluation: Evaluation; readonly questions: readonly Question[] },
): Promise<readonly Comparison[]> {
  const byId = new Map(questions.map((question) => [question.id, question]));
  const baseline = evaluation.variants.find(({ name }) => name === evaluation.baseline);
  const comparisons: Comparison[] = [];
  for (const variant of evaluation.variants) {
    if (!baseline || variant === baseline) continue;
    const changes = variant.perQuestion.map((result, index) => ({
      question: byId.get(result.id),
      gain: result.ndcg - (baseline.perQuestion[index]?.ndcg ?? 0),
      before: baseline.perQuestion[index]?.ndcg ?? 0,
      after: result.ndcg,
    }));
    const won = changes.filter(({ gain }) => gain > EQUAL).toSorted((a, b) => b.gain - a.gain);
    const lost = changes.filter(({ gain }) => gain < -EQUAL).toSorted((a, b) => a.gain - b.gain);
    const show = async (list: typeof changes) => {
      const shown = list
        .slice(0, MAX_EXAMPLES)
        .flatMap(({ question, ...rest }) => (question ? [{ question, ...rest }] : []));
      const asked = { questions: shown.map(({ question }) => question), cutoff: evaluation.cutoff };
      const [before, after] = [
        await readHits(services, tenantId, { ...asked, variant: baseline }),
        await readHits(services, tenantId, { ...asked, variant }),
      ];
      return shown.map(({ question, ...ndcg }, index) => ({
        question,
        before: { variant: baseline.name, ndcg: ndcg.before, hits: before[index] ?? [] },
        after: { variant: variant.name, ndcg: ndcg.after, hits: after[index] ?? [] },
      }));
    };
    comparisons.push({
      variant,
      won: won.length,
      lost: lost.length,
      equal: changes.length - won.length - lost.length,
      wins: await show(won),
      losses: await show(lost),
    });
  }
  return comparisons;
}

interface Asked {
  readonly questions: readonly Question[];
  readonly variant: VariantResult;
  readonly cutoff: number;
}

/** The first hits of each question, with their passages. */
async function readHits(
  services: Services,
  tenantId: string,
  { questions, variant: { options }, cutoff }: Asked,
): Promise<readonly (readonly ShownHit[])[]> {
  const collection = await getCollection(services.database, tenantId, options.collection);
  const isKeyword = options.mode === "keyword";
  const embedded = isKeyword ? undefined : await embedQuestions(services, collection, questions);
  const all: (readonly ShownHit[])[] = [];
  for (const [index, question] of questions.entries()) {
    const search = searchOf({ question, embedding: embedded?.vectors[index], options, cutoff, signal: undefined });
    const hits = await query(services, tenantId, { ...search, include: ["content"] });
    const first = hits.filter(({ id }, at) => hits.findIndex((hit) => hit.id === id) === at).slice(0, SHOWN_HITS);
    all.push(first.map(({ id, content }) => ({ id, grade: question.grades.get(id) ?? null, text: content })));
  }
  return all;
}
