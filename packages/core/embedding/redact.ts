/** Characters in a row that count as a quotation of a document. */
const QUOTATION = 16;
const LONGEST = 300;
const KEY = /\b(?:sk|pk|hf)[-_][\w*.-]{4,}/gi;

/**
 * What a server said, safe to show and to log: without the credential, without anything that looks like a key, and
 * without whatever it quotes of the texts. At most 300 characters.
 */
export function redact(
  message: string,
  { texts, secret }: { readonly texts: readonly string[]; readonly secret: string },
): string {
  const said = (secret ? message.replaceAll(secret, "…") : message).slice(0, 2 * LONGEST).replace(KEY, "…");
  const quoted = new Uint8Array(said.length);
  const all = texts.join("\0");
  for (let at = 0; at < said.length; at++) {
    const run = said.slice(at, at + QUOTATION);
    if (run.length === QUOTATION && all.includes(run)) quoted.fill(1, at, at + QUOTATION);
  }
  for (const text of texts) if (text.length > 2 && text.length < QUOTATION) markAll(said, text, quoted);
  const shown = Array.from(said, (_, at) => at).map((at) => (quoted[at] ? "\0" : said[at]));
  return shown.join("").replace(/\0+/g, "…").replace(/\s+/g, " ").trim().slice(0, LONGEST);
}

function markAll(said: string, text: string, quoted: Uint8Array): void {
  for (let at = said.indexOf(text); at !== -1; at = said.indexOf(text, at + 1))
    quoted.fill(1, at, at + text.length);
}
