import { escapeInvisible } from "./visible.ts";

/** Markup that is safe to put into a page. Only `html` and `trusted` create it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A value in a template. Null, undefined and false render as nothing. */
export type Piece = Html | string | number | null | undefined | false | readonly Piece[];

/** A template of markup. Every inserted string is escaped, so data never becomes markup. */
export function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return new Html(parts.reduce((text, part, index) => text + write(pieces[index - 1]) + part));
}

/** Constant markup that contains no data. */
export function trusted(markup: string): Html {
  return new Html(markup);
}

function write(piece: Piece): string {
  if (piece instanceof Html) return piece.text;
  if (typeof piece === "string") return escapeMarkup(escapeInvisible(piece));
  if (typeof piece === "number") return String(piece);
  if (!piece) return "";
  return piece.map(write).join("");
}

function escapeMarkup(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}
