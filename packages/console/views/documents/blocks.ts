import type { Passage } from "./document.ts";

/** The text of a document from the start of a passage to the start of the next one. */
export interface Block {
  /** The passage that starts here. */
  readonly chunk: number;
  readonly headings: readonly string[];
  readonly pieces: readonly Piece[];
  /** Characters of the passage, which may continue in the next blocks. */
  readonly length: number;
}

/** A part of a text that belongs to the same passages. */
export interface Piece {
  readonly text: string;
  /** Numbers of the passages that contain it. */
  readonly chunks: readonly number[];
}

interface Span {
  readonly passage: Passage;
  readonly content: string;
  readonly start: number;
  readonly end: number;
}

/**
 * The text of a document, once, divided where passages start and end. Passages overlap: their offsets say where. A passage
 * without an offset or a text is a block of its own.
 */
export function toBlocks(passages: readonly Passage[]): readonly Block[] {
  const spans = passages.map(toSpan);
  return spans.map((span, index) => {
    const { passage, content, start, end } = span;
    const next = spans[index + 1];
    const until = passage.offset === null || next === undefined ? end : Math.min(end, Math.max(start, next.start));
    const covering = spans.filter((one) => one.start < until && one.end > start && one.passage.offset !== null);
    const cuts = covering.flatMap((one) => [one.start, one.end]).filter((at) => at > start && at < until);
    const edges = [...new Set([start, ...cuts, until])].sort((a, b) => a - b);
    const pieces = edges.slice(1).map((edge, at) => {
      const from = edges[at] ?? start;
      const chunks = covering.filter((one) => one.start <= from && one.end >= edge).map((one) => one.passage.chunk);
      return { text: content.slice(from - start, edge - start), chunks: chunks.length > 0 ? chunks : [passage.chunk] };
    });
    return { chunk: passage.chunk, headings: passage.headings ?? [], pieces, length: content.length };
  });
}

function toSpan(passage: Passage): Span {
  const content = passage.content ?? "";
  const start = passage.offset ?? 0;
  return { passage, content, start, end: start + content.length };
}
