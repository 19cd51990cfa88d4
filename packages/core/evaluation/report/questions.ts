import { countOf, formatCount, formatId } from "../../report/format.ts";
import { type Html, html } from "../../report/markup.ts";
import { renderSection } from "../../report/section.ts";
import { shorten } from "../../report/visible.ts";
import type { Comparison, Example, ShownAnswer, ShownHit } from "./examples.ts";

/** Maximum characters of a passage and of a question. */
const MAX_PASSAGE = 400;
const MAX_QUESTION = 300;

/** Renders the questions that each variant won and lost, with the passages of both sides. */
export function renderQuestions(comparisons: readonly Comparison[], baseline: string): Html | false {
  if (comparisons.length === 0) return false;
  const note = html`A question is won if its nDCG is higher than with ${baseline}. The largest differences are listed. Open a question to see the first passages of both.`;
  return renderSection(
    { id: "questions", title: "Questions won and lost", note, isWide: true },
    comparisons.map(renderComparison),
  );
}

function renderComparison({ variant, won, lost, equal, wins, losses }: Comparison): Html {
  const total = Math.max(1, won + lost + equal);
  const part = (name: string, count: number) =>
    html`<i class="${name}" style="width:${((count / total) * 100).toFixed(2)}%"></i>`;
  return html`<div>
<h3>${variant.name}</h3>
<div class="share" aria-hidden="true">${part("won", won)}${part("equal", equal)}${part("lost", lost)}</div>
<p class="soft">${countOf(won, "question")} won, ${formatCount(equal)} equal, ${formatCount(lost)} lost.</p>
${renderExamples("Won", wins)}${renderExamples("Lost", losses)}
</div>`;
}

function renderExamples(title: string, examples: readonly Example[]): Html | false {
  return examples.length > 0 && html`<h4>${title}</h4>${examples.map(renderExample)}`;
}

function renderExample({ question, before, after }: Example): Html {
  return html`<details><summary><span>${shorten(question.text.trim().replaceAll(/\s+/g, " "), MAX_QUESTION)}</span><span class="change">nDCG ${before.ndcg.toFixed(2)} → ${after.ndcg.toFixed(2)}</span></summary>
<div class="answers">${renderAnswer(before)}${renderAnswer(after)}</div></details>`;
}

function renderAnswer({ variant, hits }: ShownAnswer): Html {
  return html`<div><h5>${variant}</h5>${hits.length === 0 ? html`<p class="none">No results.</p>` : html`<ol>${hits.map(renderHit)}</ol>`}</div>`;
}

function renderHit({ id, grade, text }: ShownHit): Html {
  const isRelevant = grade !== null && grade > 0;
  const mark = isRelevant && html`<span class="grade">relevant, grade ${grade}</span>`;
  const passage = text === null ? "no text" : shorten(text.trim().replaceAll(/\s+/g, " "), MAX_PASSAGE);
  return html`<li${isRelevant && html` class="relevant"`}>${formatId(id)}${mark}<span class="passage"><bdi>${passage}</bdi></span></li>`;
}
