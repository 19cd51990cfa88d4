import { type Html, html, type Piece } from "./markup.ts";

export interface SectionOptions {
  readonly id: string;
  readonly title: string;
  /** A short text next to the title. */
  readonly note?: Piece;
  /** Uses the full width of the page, for wide tables. Default false. */
  readonly isWide?: boolean;
}

/** Renders a titled section: the title and its note in the margin, and the content next to them. */
export function renderSection({ id, title, note, isWide = false }: SectionOptions, body: Piece): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title"${isWide && html` class="wide"`}>
<div class="margin"><h2 id="${id}-title">${title}</h2>${note && html`<p>${note}</p>`}</div>
<div class="matter">${body}</div>
</section>`;
}
