import { html, type Piece, trusted } from "./markup.ts";

export interface Page {
  readonly title: string;
  /** One or two sentences. Default: the title. */
  readonly description?: string;
  /** For programs that read the page: the attribute `data-verdict`. */
  readonly verdict?: string;
  readonly style: string;
  readonly body: Piece;
}

/**
 * One self-contained HTML page without external scripts, fonts or images. Its content security policy forbids loading any,
 * whatever the data contains.
 */
export function renderPage({ title, description = title, verdict, style, body }: Page): string {
  return html`<!doctype html>
<html lang="en"${verdict !== undefined && html` data-verdict="${verdict}"`}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="description" content="${description}">
<title>${title}</title>
<style>${trusted(style)}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
}
