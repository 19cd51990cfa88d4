/** Characters in a row that count as a quotation of a document. */
const QUOTATION = 16;
const MAX_LENGTH = 300;
const KEY =
  /\b(?:sk|pk|rk|hf|gsk|xai|nvapi|pplx)[-_][\w*.-]{4,}|\bAIza[\w*.-]{4,}|\bBearer\s+[\w*.~+/=-]{4,}/gi;

/**
 * What a server said, safe to show and to log: without the credential, without anything that looks like a key, and
 * without whatever it quotes of the texts. At most 300 characters.
 */
export function redact(
  message: string,
  { texts, secret }: { readonly texts: readonly string[]; readonly secret: string },
): string {
  const said = (secret ? message.replaceAll(secret, "…") : message)
    .slice(0, 2 * MAX_LENGTH)
    .replace(KEY, "…");
  const quoted = new Uint8Array(said.length);
  const runs = runsOf(said);
  for (const text of texts) {
    if (text.length >= QUOTATION) markRuns(text, runs, quoted);
    else if (text.length > 2) markAll(said, text, quoted);
  }
  const shown = Array.from(said, (_, at) => at).map((at) => (quoted[at] ? "\0" : said[at]));
  return shown
    .join("")
    .replace(/\0+/g, "…")
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, MAX_LENGTH);
}

interface Runs {
  /** Whether a run with this fingerprint is in the message: most of a text's are not. */
  readonly fingerprints: Uint8Array;
  /** Where each run begins. */
  readonly places: ReadonlyMap<string, readonly number[]>;
}

/** All runs of the message that would be a quotation: one pass over each text finds them, however large it is. */
function runsOf(said: string): Runs {
  const fingerprints = new Uint8Array(65_536);
  const places = new Map<string, number[]>();
  for (let at = 0; at + QUOTATION <= said.length; at++) {
    fingerprints[fingerprint(said, at)] = 1;
    const run = said.slice(at, at + QUOTATION);
    places.set(run, [...(places.get(run) ?? []), at]);
  }
  return { fingerprints, places };
}

function markRuns(text: string, { fingerprints, places }: Runs, quoted: Uint8Array): void {
  for (let at = 0; at + QUOTATION <= text.length; at++) {
    if (!fingerprints[fingerprint(text, at)]) continue;
    for (const place of places.get(text.slice(at, at + QUOTATION)) ?? [])
      quoted.fill(1, place, place + QUOTATION);
  }
}

function fingerprint(text: string, at: number): number {
  return (
    (text.charCodeAt(at) * 31 + text.charCodeAt(at + 7) * 1009 + text.charCodeAt(at + 15) * 9176) & 0xffff
  );
}

function markAll(said: string, text: string, quoted: Uint8Array): void {
  for (let at = said.indexOf(text); at !== -1; at = said.indexOf(text, at + 1))
    quoted.fill(1, at, at + text.length);
}
