import { countOf, formatCount, formatMoment, formatSeconds } from "../../report/format.ts";
import { type Html, html, type Piece, trusted } from "../../report/markup.ts";
import { renderPage } from "../../report/page.ts";
import { renderSection } from "../../report/section.ts";
import { type Column, renderTable } from "../../report/table.ts";
import { describeDifference, isShown } from "../bootstrap.ts";
import { COMPARED_METRICS, type ComparedMetric, type Evaluation, type VariantResult } from "../evaluation.ts";
import { renderDistributions, renderIntervals } from "./charts.ts";
import type { Comparison } from "./examples.ts";
import { renderQuestions } from "./questions.ts";
import { EVALUATION_STYLE } from "./style.ts";

/** An evaluation with what its page shows in addition. */
export interface EvaluationReport {
  readonly evaluation: Evaluation;
  readonly comparisons: readonly Comparison[];
  readonly tenant: string;
  /** Name of the question set or of the file. */
  readonly title: string;
  readonly cairnVersion: string;
}

/**
 * Renders an evaluation as one self-contained HTML page without external scripts, fonts or images. It contains questions and
 * passages, all of them escaped. Its content security policy forbids loading anything, whatever the data contains.
 */
export function renderEvaluation(report: EvaluationReport): string {
  const { evaluation, comparisons } = report;
  const { lead, rest } = describeEvaluation(evaluation);
  return renderPage({
    title: lead,
    description: `${lead}. ${rest}`,
    style: EVALUATION_STYLE,
    body: html`${renderSummary(report, lead, rest)}
<main>
${renderVariants(evaluation)}
${renderDifferences(evaluation)}
${renderSection({ id: "distribution", title: "Distribution", note: "Number of questions by their nDCG. The same mean can come from many middling answers, or from perfect and useless ones." }, renderDistributions(evaluation.variants))}
${renderQuestions(comparisons, evaluation.baseline)}
</main>
${renderMethod(evaluation)}`,
  });
}

/** The result in a few words, and in a sentence: which variant has the highest nDCG, and what is shown. */
function describeEvaluation({ variants, baseline, cutoff, questions }: Evaluation): {
  lead: string;
  rest: string;
} {
  const best = variants.toSorted((a, b) => b.totals.ndcg - a.totals.ndcg)[0] as VariantResult;
  const asked = `${countOf(questions, "question")}, nDCG@${cutoff} ${best.totals.ndcg.toFixed(3)}`;
  if (variants.length === 1)
    return {
      lead: `${best.name}: nDCG@${cutoff} ${best.totals.ndcg.toFixed(3)}`,
      rest: `${countOf(questions, "question")}.`,
    };
  const shown = variants.filter(({ differences }) => differences && isShown(differences.ndcg));
  if (best.name === baseline)
    return {
      lead: `No variant is better than ${baseline}`,
      rest:
        shown.length > 0
          ? `${asked}. Worse: ${shown.map(({ name }) => name).join(", ")}.`
          : `${asked}. No difference is shown.`,
    };
  if (best.differences && isShown(best.differences.ndcg))
    return {
      lead: `${best.name.charAt(0).toUpperCase()}${best.name.slice(1)} answers best`,
      rest: `${asked}: ${describeDifference(best.differences.ndcg)} than ${baseline}.`,
    };
  return {
    lead: `No variant is shown to be better than ${baseline}`,
    rest: `${asked} with ${best.name}, within the noise of the questions.`,
  };
}

function renderSummary(
  { evaluation, tenant, title, cairnVersion }: EvaluationReport,
  lead: string,
  rest: string,
): Html {
  const { createdAt, questions, variants, seconds, cutoff } = evaluation;
  const best = Math.max(...variants.map(({ totals }) => totals.ndcg));
  const figures = [
    ["questions", formatCount(questions)],
    ["variants", formatCount(variants.length)],
    [`highest nDCG@${cutoff}`, best.toFixed(3)],
    ["highest hit rate", Math.max(...variants.map(({ totals }) => totals.hit)).toFixed(3)],
    ["total time", formatSeconds(seconds)],
  ] as const;
  const facts = [
    ["Tenant", html`<bdi>${tenant}</bdi>`],
    ["Questions", html`<bdi>${title}</bdi>`],
    ["Models", [...new Set(variants.map(({ model }) => model ?? "unknown"))].join(", ")],
    ["Cairn", cairnVersion],
  ] as const;
  return html`<header>
<p class="brand">${STONES}<span>Cairn · Evaluation · <time datetime="${createdAt}">${formatMoment(createdAt)}</time></span></p>
<div class="verdict">
<svg class="sign" viewBox="0 0 48 48" width="48" height="48" aria-hidden="true"><path d="M6 42h36M12 42V26m12 16V8m12 34V18"/></svg>
<h1>${lead}<span class="sr">: </span><span class="rest">${rest}</span></h1>
</div>
<dl class="figures">${figures.map(renderPair)}</dl>
<dl class="facts">${facts.map(renderPair)}</dl>
</header>`;
}

const STONES = trusted(
  '<svg class="stones" viewBox="0 0 24 22" width="24" height="22" aria-hidden="true"><rect x="8" y="0" width="8" height="5" rx="2.5"/><rect x="5" y="6.5" width="14" height="6" rx="3"/><rect x="1" y="14" width="22" height="8" rx="4"/></svg>',
);

function renderPair([name, value]: readonly [string, Piece]): Html {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
}

function renderVariants({ variants, cutoff, questions, baseline }: Evaluation): Html {
  const figure = (head: string, value: (variant: VariantResult) => string): Column<VariantResult> => ({
    head,
    numeric: true,
    cell: value,
  });
  const columns: readonly Column<VariantResult>[] = [
    {
      head: "Variant",
      cell: ({ name, collection, model }) =>
        html`${name}${name === baseline && html` <span class="soft">(baseline)</span>`}<small><bdi>${collection}</bdi>, ${model ?? "unknown model"}</small>`,
    },
    figure(`nDCG@${cutoff}`, ({ totals }) => totals.ndcg.toFixed(3)),
    figure(`Recall@${cutoff}`, ({ totals }) => totals.recall.toFixed(3)),
    figure("MRR", ({ totals }) => totals.mrr.toFixed(3)),
    figure("Hit rate", ({ totals }) => totals.hit.toFixed(3)),
    figure("Empty", ({ totals }) => formatCount(Math.round(totals.empty * questions))),
    figure("p50", ({ latency }) => `${latency.p50.toFixed(1)}\u00a0ms`),
    figure("p95", ({ latency }) => `${latency.p95.toFixed(1)}\u00a0ms`),
    figure("Tokens", ({ tokens }) => formatCount(tokens)),
  ];
  const caption = "Means over the questions, and latencies of the searches without embedding the question";
  return renderSection(
    { id: "variants", title: "Side by side", isWide: true },
    renderTable(caption, columns, variants),
  );
}

const METRIC_NAMES: Readonly<Record<ComparedMetric, (cutoff: number) => string>> = {
  ndcg: (cutoff) => `nDCG@${cutoff}`,
  recall: (cutoff) => `Recall@${cutoff}`,
  mrr: () => "MRR",
  hit: () => "Hit rate",
};

function renderDifferences({ variants, baseline, cutoff }: Evaluation): Html | false {
  const compared = variants.flatMap(({ name, differences }) => (differences ? [{ name, differences }] : []));
  if (compared.length === 0) return false;
  const note = html`Each variant against ${baseline}. The line is the 95 % interval of a paired bootstrap. A hollow point: the interval contains zero, so no difference is shown.`;
  return renderSection(
    { id: "differences", title: "Differences", note },
    COMPARED_METRICS.map(
      (metric) => html`<figure>
<figcaption><strong>${METRIC_NAMES[metric](cutoff)}</strong></figcaption>
${renderIntervals(compared.map(({ name, differences }) => ({ label: name, difference: differences[metric] })))}
</figure>`,
    ),
  );
}

function renderMethod({ cutoff }: Evaluation): Html {
  return html`<footer>
<h2>How this was measured</h2>
<p>Every question was asked with every variant, one search after the other, and the ids of its first ${cutoff} documents were compared with the judgements. A document without a judgement counts as not relevant. nDCG, recall, MRR and hit rate have the definitions of trec_eval: the gain of a document is its grade, and the discount is the logarithm of its rank.</p>
<p>The interval of a difference is that of a paired bootstrap: the questions are drawn 10,000 times with replacement, and the interval contains the middle 95 % of the mean differences. ± is half of it. A difference whose interval contains zero may be chance.</p>
</footer>`;
}
