import { linkTo } from "../../app/route.ts";
import { excerptOf, Highlight } from "../../components/highlight.tsx";
import { Problem } from "../../components/problem.tsx";
import { stemsOf } from "../../components/stems.ts";
import type { Citation, Turn } from "./use-conversation.ts";

interface AnswerProps {
  readonly turn: Turn;
  /** Number of the turn in the conversation. */
  readonly number: number;
  readonly collection: string;
}

/** An answer with its citations. The number of a citation jumps to its passage below. */
export function Answer({ turn, number, collection }: AnswerProps) {
  const { question, answer, passages, searches, state, isTruncated, error } = turn;
  const stems = stemsOf(`${question} ${searches.join(" ")}`);
  const idOf = (citation: number) => `passage-${number}-${citation}`;
  const cited = state === "done" ? passages : passages.filter((one) => answer.includes(`[${one.number}]`));
  return (
    <div class="answer">
      {state === "running" && answer === "" && <p class="loading">{progressOf(turn)}</p>}
      <p class="text">
        <Cited text={answer} passages={passages} idOf={idOf} />
      </p>
      {isTruncated && <p class="soft">The answer is incomplete: the model reached its limit.</p>}
      {error !== undefined && <Problem error={error} />}
      {cited.length > 0 && (
        <ol class="citations" aria-label="Cited passages">
          {cited.map((citation) => (
            <li key={citation.number} id={idOf(citation.number)} tabIndex={-1}>
              <p class="citation-head">
                <span class="rank">{citation.number}</span>
                <a href={linkTo(["documents", collection, citation.id], { passage: String(citation.chunk) })}>
                  {citation.id}
                </a>
                <span class="soft">{[...(citation.headings ?? []), `passage ${citation.chunk + 1}`].join(" › ")}</span>
              </p>
              <p class="passage">
                <Highlight text={excerptOf(citation.content ?? "", stems)} stems={stems} />
              </p>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

function progressOf({ searches }: Turn): string {
  return searches.length === 0 ? "Searching …" : `Searched “${searches.join("”, “")}”. Reading …`;
}

interface CitedProps {
  readonly text: string;
  readonly passages: readonly Citation[];
  readonly idOf: (citation: number) => string;
}

/** A text whose citations, as in [1] or [1, 2], are buttons. */
function Cited({ text, passages, idOf }: CitedProps) {
  const known = new Set(passages.map(({ number }) => number));
  const parts = text.split(/(\[\d+(?:, ?\d+)*\])/);
  return (
    <>
      {parts.map((part, index) => {
        const numbers = index % 2 === 1 ? (part.match(/\d+/g) ?? []).map(Number) : [];
        if (numbers.length === 0 || !numbers.every((number) => known.has(number))) return part;
        return numbers.map((number) => (
          <button
            key={`${index} ${number}`}
            type="button"
            class="cite"
            aria-label={`Citation ${number}: ${passages.find((one) => one.number === number)?.id}`}
            onClick={() => jumpTo(idOf(number))}
          >
            {number}
          </button>
        ));
      })}
    </>
  );
}

function jumpTo(id: string): void {
  const element = document.getElementById(id);
  element?.scrollIntoView({ block: "center" });
  element?.focus({ preventScroll: true });
}
