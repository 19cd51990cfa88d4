/** Part of a pattern: fixed text, anything at all, or one of the two fields. */
export type Token =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "any" }
  | { readonly kind: "tenant" }
  | { readonly kind: "collection" };

/** Texts of the fields in one way to split a name. */
export interface Split {
  readonly tenant?: string;
  readonly collection?: string;
}

/** Divides the parts of a path. No field and no `any` reaches across it. */
export const BOUNDARY = "\0";

/** What a part of a text says as a tenant; undefined: it cannot be one. */
type ReadTenant = (part: string) => string | undefined;

/** Ways that are looked for: a second one proves that a name is ambiguous. */
const ENOUGH = 2;

/**
 * A function that returns the ways to split a text by the tokens: none, one, or two of several that differ in a field.
 * `readTenant` limits them to those whose tenant it can read. Every way is considered, so that none is preferred by
 * accident, as a regular expression would prefer the first.
 */
export function createSplitter(
  tokens: readonly Token[],
): (text: string, readTenant?: ReadTenant) => readonly Split[] {
  const lastField = tokens.findLastIndex(({ kind }) => kind === "tenant" || kind === "collection");
  return (text, readTenant) => {
    if (readTenant && !tokens.some(({ kind }) => kind === "tenant")) return [];
    const fits = findFits(tokens, text);
    const ways = new Map<string, Split>();
    const seen = new Set<string>();
    const visit = (index: number, position: number, split: Split): void => {
      if (ways.size >= ENOUGH || !fits[index]?.[position]) return;
      const fields = JSON.stringify([split.tenant, split.collection]);
      if (index > lastField) {
        ways.set(fields, split);
        return;
      }
      const state = `${index} ${position} ${fields}`;
      if (seen.has(state)) return;
      seen.add(state);
      const token = tokens[index] as Token;
      for (const end of spanEnds(text, position, token)) {
        if (!fits[index + 1]?.[end]) continue;
        const next = takeSpan(split, token, text.slice(position, end), readTenant);
        if (next) visit(index + 1, end, next);
      }
    };
    visit(0, 0, {});
    return [...ways.values()];
  };
}

/** A split with one more part of the text; undefined where that part cannot be the tenant. */
function takeSpan(
  split: Split,
  { kind }: Token,
  part: string,
  readTenant: ReadTenant | undefined,
): Split | undefined {
  if (kind === "text" || kind === "any") return split;
  if (kind === "collection" || !readTenant) return { ...split, [kind]: part };
  const tenant = readTenant(part);
  return tenant === undefined ? undefined : { ...split, tenant };
}

/** Where the part of a token that begins at a position may end. */
function* spanEnds(text: string, position: number, token: Token): Generator<number> {
  if (token.kind === "text") return yield position + token.text.length;
  if (token.kind === "any") yield position;
  for (let end = position + 1; end <= text.length && text[end - 1] !== BOUNDARY; end++) yield end;
}

/** For each token and position: whether the rest of the tokens can match the rest of the text. */
function findFits(tokens: readonly Token[], text: string): readonly (readonly boolean[])[] {
  const fits: boolean[][] = [];
  fits[tokens.length] = Array.from({ length: text.length + 1 }, (_, at) => at === text.length);
  for (let index = tokens.length - 1; index >= 0; index--) {
    const token = tokens[index] as Token;
    const next = fits[index + 1] as boolean[];
    const own: boolean[] = [];
    for (let at = text.length; at >= 0; at--) own[at] = fitsAt(token, text, at, { own, next });
    fits[index] = own;
  }
  return fits;
}

function fitsAt(
  token: Token,
  text: string,
  at: number,
  { own, next }: { readonly own: readonly boolean[]; readonly next: readonly boolean[] },
): boolean {
  if (token.kind === "text") return text.startsWith(token.text, at) && next[at + token.text.length] === true;
  if (token.kind === "any" && next[at]) return true;
  if (at >= text.length || text[at] === BOUNDARY) return false;
  return next[at + 1] === true || own[at + 1] === true; // the span ends after this character, or goes on
}
