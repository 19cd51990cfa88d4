/** Length of a run of characters that counts as a quotation of a document. */
const QUOTATION_LENGTH = 16;
const MAX_LENGTH = 300;
const KEY_PATTERN =
  /\b(?:sk|pk|rk|hf|gsk|xai|nvapi|pplx)[-_][\w*.-]{4,}|\bAIza[\w*.-]{4,}|\bBearer\s+[\w*.~+/=-]{4,}/gi;

/**
 * A server's message that is safe to show and to log. The credential, everything that looks like a key, and quotations of
 * the texts are replaced by "…". At most 300 characters.
 */
export function redact(
  message: string,
  { texts, secret }: { readonly texts: readonly string[]; readonly secret: string },
): string {
  const masked = (secret ? message.replaceAll(secret, "…") : message)
    .slice(0, 2 * MAX_LENGTH)
    .replace(KEY_PATTERN, "…");
  const quoted = new Uint8Array(masked.length);
  const runs = collectRuns(masked);
  for (const text of texts) {
    if (text.length >= QUOTATION_LENGTH) markRuns(text, runs, quoted);
    else if (text.length > 2) markOccurrences(masked, text, quoted);
  }
  const shown = Array.from(masked, (_, at) => at).map((at) => (quoted[at] ? "\0" : masked[at]));
  return shown
    .join("")
    .replace(/\0+/g, "…")
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, MAX_LENGTH);
}

interface Runs {
  /** 1 for each fingerprint of a run in the message. Most runs of a text have no entry. */
  readonly fingerprints: Uint8Array;
  /** The positions where each run begins. */
  readonly positions: ReadonlyMap<string, readonly number[]>;
}

/** All runs of the message that would count as quotations. One pass over each text finds them, whatever its size. */
function collectRuns(message: string): Runs {
  const fingerprints = new Uint8Array(65_536);
  const positions = new Map<string, number[]>();
  for (let at = 0; at + QUOTATION_LENGTH <= message.length; at++) {
    fingerprints[fingerprint(message, at)] = 1;
    const run = message.slice(at, at + QUOTATION_LENGTH);
    positions.set(run, [...(positions.get(run) ?? []), at]);
  }
  return { fingerprints, positions };
}

function markRuns(text: string, { fingerprints, positions }: Runs, quoted: Uint8Array): void {
  for (let at = 0; at + QUOTATION_LENGTH <= text.length; at++) {
    if (!fingerprints[fingerprint(text, at)]) continue;
    for (const position of positions.get(text.slice(at, at + QUOTATION_LENGTH)) ?? [])
      quoted.fill(1, position, position + QUOTATION_LENGTH);
  }
}

function fingerprint(text: string, at: number): number {
  return (text.charCodeAt(at) * 31 + text.charCodeAt(at + 7) * 1009 + text.charCodeAt(at + 15) * 9176) & 0xffff;
}

function markOccurrences(message: string, text: string, quoted: Uint8Array): void {
  for (let at = message.indexOf(text); at !== -1; at = message.indexOf(text, at + 1))
    quoted.fill(1, at, at + text.length);
}
