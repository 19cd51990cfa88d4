/** `[3]` or `[1, 4]`, as an answer cites passages by their numbers. */
const CITATION = /\[\s*\d{1,4}(?:\s*,\s*\d{1,4})*\s*\]/g;

/** What may yet become a citation when more text comes. */
const BEGUN = /\s?\[[\d,\s]{0,40}$/;

/**
 * Passes an answer on as it is written, leaving out the citations that name no passage the model was given, and
 * notes which ones it cites. A citation may come in pieces.
 */
export function createCitationFilter(isGiven: (number: number) => boolean) {
  const cited = new Set<number>();
  let held = "";
  function clean(text: string): string {
    return text.replace(
      new RegExp(`(\\s?)(${CITATION.source})`, "g"),
      (_, space: string, citation: string) => {
        const numbers = citation.match(/\d+/g)?.map(Number) ?? [];
        const given = numbers.filter(isGiven);
        for (const number of given) cited.add(number);
        return given.length > 0 ? `${space}[${given.join(", ")}]` : "";
      },
    );
  }
  return {
    /** What of the answer so far can be shown. */
    push(text: string): string {
      held += text;
      const begun = BEGUN.exec(held);
      // A space at the end waits, too: it goes with the citation after it.
      const cut = begun ? begun.index : /\s$/.test(held) ? held.length - 1 : held.length;
      const ready = held.slice(0, cut);
      held = held.slice(cut);
      return clean(ready);
    },
    /** What was held back, at the end of the answer. */
    end(): string {
      const rest = clean(held);
      held = "";
      return rest;
    },
    /** The numbers cited, in the order in which they first appear. */
    cited: (): readonly number[] => [...cited],
  };
}
