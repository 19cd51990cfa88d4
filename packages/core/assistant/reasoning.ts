const NAME = "(?:think|thinking|thought|thoughts|reasoning|seed:think)";
const ATTRIBUTES = String.raw`(?:\s[^<>\n]{0,80})?`;
const OPENER = new RegExp(String.raw`^(?:<${NAME}${ATTRIBUTES}>|\[THINK\]|◁think▷)$`, "i");
const CLOSER = new RegExp(String.raw`^(?:</${NAME}\s*>|\[/THINK\]|◁/think▷)$`, "i");
const TOKEN = new RegExp(String.raw`\`+|~{3,}|\n|</?${NAME}${ATTRIBUTES}>|\[/?THINK\]|◁/?think▷`, "gi");
/** The end of a piece that may become a token, or a longer one, with the next piece. */
const BEGUN = new RegExp(
  String.raw`(?:\`+|~+|</?[a-z:]{0,12}|</?${NAME}${ATTRIBUTES}|\[/?[A-Z]{0,5}|◁[^▷\n]{0,8})$`,
  "i",
);
/** What may stand before a fence on its line: a quotation, a list's item. */
const BEFORE_FENCE = /^[\s>]*(?:[-*+] +|\d{1,9}[.)] +)?$/;

/** What of a piece belongs to the answer. */
export interface Shown {
  readonly text: string;
  /** What was shown before was reasoning after all, opened in the prompt: the answer begins again, with `text`. */
  readonly restart: boolean;
}

/**
 * Leaves out of an answer, as it is written, the reasoning that a model puts between tags into its text, as in
 * `<think>…</think>`. Tags may come in pieces; in code (spans and fenced blocks of Markdown) they are text. Reasoning
 * that is never closed reaches to the end.
 */
export function createReasoningFilter() {
  const code = createCodeTracker();
  let held = "";
  let reasoning = false;
  let removed = false;
  let shownBefore = false;

  function take(text: string): Shown {
    let shown = "";
    let restart = false;
    let from = 0;
    const pass = (to: number) => {
      if (!reasoning) {
        shown += text.slice(from, to);
        code.text(text.slice(from, to));
      }
      from = to;
    };
    for (const { 0: token, index } of text.matchAll(TOKEN)) {
      pass(index);
      const isTag =
        !code.inside() && (reasoning ? CLOSER.test(token) : OPENER.test(token) || CLOSER.test(token));
      if (!isTag) {
        if (!reasoning) {
          shown += token;
          code.mark(token);
        }
      } else {
        if (CLOSER.test(token) && !reasoning) {
          restart ||= shownBefore;
          shown = "";
          shownBefore = false;
        }
        reasoning = OPENER.test(token);
        removed = true;
      }
      from = index + token.length;
    }
    pass(text.length);
    if (removed && !shownBefore) shown = shown.trimStart(); // the lines between the reasoning and the answer
    shownBefore ||= shown.trim() !== "";
    return { text: shown, restart };
  }

  return {
    push(text: string): Shown {
      held += text;
      const cut = BEGUN.exec(held)?.index ?? held.length;
      const ready = held.slice(0, cut);
      held = held.slice(cut);
      return take(ready);
    },
    /** What was held back, at the end of the answer; `unclosed`: it ended within its reasoning. */
    end(): Shown & { readonly unclosed: boolean } {
      const rest = take(held);
      held = "";
      return { ...rest, unclosed: reasoning };
    },
  };
}

/** Whether a text that arrives in pieces is in a code span or a fenced block. A span ends with its line at the latest. */
function createCodeTracker() {
  let fence = "";
  let span = "";
  let line = ""; // what of the current line decides whether a fence may stand next
  return {
    inside: () => fence !== "" || span !== "",
    text(text: string): void {
      if (line.length < 40) line += text.slice(0, 40);
    },
    mark(token: string): void {
      const canFence = BEFORE_FENCE.test(line);
      if (token === "\n") {
        line = "";
        span = "";
        return;
      }
      line += token.slice(0, 40);
      if (fence !== "") {
        if (canFence && token.startsWith(fence)) fence = "";
      } else if (span !== "") {
        if (token === span) span = "";
      } else if (token.length >= 3 && canFence && /^[`~]/.test(token)) fence = token;
      else if (token.startsWith("`")) span = token;
    },
  };
}
