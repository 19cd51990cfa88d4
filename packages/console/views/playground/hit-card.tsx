import { useState } from "preact/hooks";
import { linkTo } from "../../app/route.ts";
import { countOf } from "../../components/format.ts";
import { excerptOf, Highlight } from "../../components/highlight.tsx";
import { Metadata } from "../../components/metadata.tsx";
import type { Stems } from "../../components/stems.ts";
import { type Hit, passageKey } from "./search-request.ts";
import type { Mode } from "./search-settings.ts";

interface HitCardProps {
  readonly hit: Hit;
  /** From 1. */
  readonly rank: number;
  readonly mode: Mode;
  readonly stems: Stems;
  readonly collection: string;
  /** The rank of the passage in every mode. 0: it is not among the hits. */
  readonly places: readonly { readonly mode: Mode; readonly rank: number }[];
  /** Whether the pointer is on this passage in one of the columns. */
  readonly isPointed: boolean;
  readonly onPoint: (key: string | undefined) => void;
}

/** A hit: its rank and score, where it is in the other modes, and its text with the matched words marked. */
export function HitCard(props: HitCardProps) {
  const { hit, rank, mode, stems, collection, places, isPointed, onPoint } = props;
  const [isOpen, setIsOpen] = useState(false);
  const { id, chunk, score, content, headings, metadata, others } = hit;
  const excerpt = content == null ? undefined : excerptOf(content, stems);
  const hasMore = excerpt !== undefined && excerpt !== content;
  const point = (key: string | undefined) => () => onPoint(key);
  return (
    <li class={isPointed ? "hit pointed" : "hit"} onMouseEnter={point(passageKey(hit))} onMouseLeave={point(undefined)}>
      <div class="hit-head">
        <span class="rank">{rank}</span>
        <a href={linkTo(["documents", collection, id], { passage: String(chunk) })}>{id}</a>
        <span class="score" title="Score from 0 to 1, comparable within one search">
          <span class="sr">score </span>
          {score.toFixed(3)}
        </span>
      </div>
      <div class="score-bar" aria-hidden="true">
        <span style={{ width: `${Math.max(0, Math.min(1, score)) * 100}%` }} />
      </div>
      {headings && headings.length > 0 && <p class="path">{headings.join(" › ")}</p>}
      {content == null ? (
        <p class="soft">The passage has no text.</p>
      ) : (
        <p class="passage">
          <Highlight text={isOpen ? content : (excerpt ?? "")} stems={stems} />
        </p>
      )}
      <p class="facts">
        {[`passage ${chunk + 1}`, distanceOf(hit), ...ranksOf(hit, { mode, places })].filter(Boolean).join(" · ")}
        {others !== undefined && others > 0 && ` · ${countOf(others, "more match", "more matches")} in this document`}
      </p>
      <Metadata metadata={metadata ?? {}} limit={4} />
      {hasMore && (
        <button
          type="button"
          class="plain"
          aria-expanded={isOpen}
          aria-label={`${isOpen ? "Less" : "Whole passage"} of hit ${rank}, ${mode}`}
          onClick={() => setIsOpen(!isOpen)}
        >
          {isOpen ? "Less" : "Whole passage"}
        </button>
      )}
    </li>
  );
}

function distanceOf({ distance }: Hit): string | undefined {
  return distance === null ? undefined : `distance ${distance.toFixed(3)}`;
}

/** Hybrid search says its ranks in both lists; the other modes show where the passage is in the other columns. */
function ranksOf(hit: Hit, { mode, places }: Pick<HitCardProps, "mode" | "places">): readonly string[] {
  if (mode === "hybrid") return [`vector ${placeOf(hit.vector_rank)}`, `keyword ${placeOf(hit.keyword_rank)}`];
  const other = places.filter((place) => place.mode !== mode && place.mode !== "hybrid");
  return other.map((place) => `${place.mode} ${placeOf(place.rank || null)}`);
}

function placeOf(rank: number | null | undefined): string {
  return rank ? `#${rank}` : "–";
}
