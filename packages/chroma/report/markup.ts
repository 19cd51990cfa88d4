import { visible } from "./visible.ts";

/** Markup that is safe to put into a page. Only `html` and `trusted` make it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a template may hold. Null, undefined and false leave nothing behind. */
export type Piece = Html | string | number | null | undefined | false | readonly Piece[];

/** A template of markup: every string put in is escaped, so nothing from the data becomes markup. */
export function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return new Html(parts.reduce((text, part, index) => text + write(pieces[index - 1]) + part));
}

/** Markup of our own that no data has touched. */
export function trusted(markup: string): Html {
  return new Html(markup);
}

function write(piece: Piece): string {
  if (piece instanceof Html) return piece.text;
  if (typeof piece === "string") return escapeMarkup(visible(piece));
  if (typeof piece === "number") return String(piece);
  if (!piece) return "";
  return piece.map(write).join("");
}

function escapeMarkup(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}
