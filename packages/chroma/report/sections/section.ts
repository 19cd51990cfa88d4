import { type Html, html, type Piece } from "../markup.ts";

export interface SectionOptions {
  readonly id: string;
  readonly title: string;
  /** A few words beside the title. */
  readonly note?: Piece;
  /** Takes the page's whole width, as a wide table needs. Default false. */
  readonly wide?: boolean;
}

/** A titled part of the page: the title and its note in the margin, the matter beside them. */
export function renderSection({ id, title, note, wide = false }: SectionOptions, body: Piece): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title"${wide && html` class="wide"`}>
<div class="margin"><h2 id="${id}-title">${title}</h2>${note && html`<p>${note}</p>`}</div>
<div class="matter">${body}</div>
</section>`;
}
