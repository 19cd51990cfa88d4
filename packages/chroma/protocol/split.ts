/** Part of a pattern: fixed text, any text, or one of the two fields. */
export type Token =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "any" }
  | { readonly kind: "tenant" }
  | { readonly kind: "collection" };

/** The values of the fields in one way to split a name. */
export interface Split {
  readonly tenant?: string;
  readonly collection?: string;
}

/** Separates the parts of a path. No field and no `any` matches across it. */
export const BOUNDARY = "\0";

/** Reads a part of a text as a tenant; undefined if it cannot be one. */
type ReadTenant = (part: string) => string | undefined;

/** Splits to search for. A second split proves that a name is ambiguous. */
const MAX_SPLITS = 2;

/**
 * Returns a function that lists the ways to split a text by the tokens: none, one, or two of several that differ in a
 * field. `readTenant` limits them to splits whose tenant it can read. All splits are considered; a regular expression
 * would silently prefer the first.
 */
export function createSplitter(tokens: readonly Token[]): (text: string, readTenant?: ReadTenant) => readonly Split[] {
  const lastField = tokens.findLastIndex(({ kind }) => kind === "tenant" || kind === "collection");
  return (text, readTenant) => {
    if (readTenant && !tokens.some(({ kind }) => kind === "tenant")) return [];
    const matches = findMatches(tokens, text);
    const splits = new Map<string, Split>();
    const seen = new Set<string>();
    const visit = (index: number, position: number, split: Split): void => {
      if (splits.size >= MAX_SPLITS || !matches[index]?.[position]) return;
      const fields = JSON.stringify([split.tenant, split.collection]);
      if (index > lastField) {
        splits.set(fields, split);
        return;
      }
      const state = `${index} ${position} ${fields}`;
      if (seen.has(state)) return;
      seen.add(state);
      const token = tokens[index] as Token;
      for (const end of spanEnds(text, position, token)) {
        if (!matches[index + 1]?.[end]) continue;
        const next = takeSpan(split, token, text.slice(position, end), readTenant);
        if (next) visit(index + 1, end, next);
      }
    };
    visit(0, 0, {});
    return [...splits.values()];
  };
}

/** The split extended by one part of the text; undefined if that part cannot be the tenant. */
function takeSpan(split: Split, { kind }: Token, part: string, readTenant: ReadTenant | undefined): Split | undefined {
  if (kind === "text" || kind === "any") return split;
  if (kind === "collection" || !readTenant) return { ...split, [kind]: part };
  const tenant = readTenant(part);
  return tenant === undefined ? undefined : { ...split, tenant };
}

/** The positions where the part of a token that begins at `position` may end. */
function* spanEnds(text: string, position: number, token: Token): Generator<number> {
  if (token.kind === "text") return yield position + token.text.length;
  if (token.kind === "any") yield position;
  for (let end = position + 1; end <= text.length && text[end - 1] !== BOUNDARY; end++) yield end;
}

/** For each token and position: whether the rest of the tokens can match the rest of the text. */
function findMatches(tokens: readonly Token[], text: string): readonly (readonly boolean[])[] {
  const matches: boolean[][] = [];
  matches[tokens.length] = Array.from({ length: text.length + 1 }, (_, position) => position === text.length);
  for (let index = tokens.length - 1; index >= 0; index--) {
    const token = tokens[index] as Token;
    const next = matches[index + 1] as boolean[];
    const own: boolean[] = [];
    for (let position = text.length; position >= 0; position--)
      own[position] = matchesAt(token, text, position, { own, next });
    matches[index] = own;
  }
  return matches;
}

function matchesAt(
  token: Token,
  text: string,
  position: number,
  { own, next }: { readonly own: readonly boolean[]; readonly next: readonly boolean[] },
): boolean {
  if (token.kind === "text")
    return text.startsWith(token.text, position) && next[position + token.text.length] === true;
  if (token.kind === "any" && next[position]) return true;
  if (position >= text.length || text[position] === BOUNDARY) return false;
  return next[position + 1] === true || own[position + 1] === true; // the span ends after this character, or continues
}
