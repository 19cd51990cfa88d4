const TAG_NAME = "(?:think|thinking|thought|thoughts|reasoning|seed:think)";
const ATTRIBUTES = String.raw`(?:\s[^<>\n]{0,80})?`;
const OPENER = new RegExp(String.raw`^(?:<${TAG_NAME}${ATTRIBUTES}>|\[THINK\]|◁think▷)$`, "i");
const CLOSER = new RegExp(String.raw`^(?:</${TAG_NAME}\s*>|\[/THINK\]|◁/think▷)$`, "i");
const TOKEN = new RegExp(String.raw`\`+|~{3,}|\n|</?${TAG_NAME}${ATTRIBUTES}>|\[/?THINK\]|◁/?think▷`, "gi");
/** The end of a piece that may become a token, or a longer token, together with the next piece. */
const PARTIAL_TOKEN = new RegExp(
  String.raw`(?:\`+|~+|</?[a-z:]{0,12}|</?${TAG_NAME}${ATTRIBUTES}|\[/?[A-Z]{0,5}|◁[^▷\n]{0,8})$`,
  "i",
);
/** Text that may precede a fence on its line: quotation marks or a list marker. */
const BEFORE_FENCE = /^[\s>]*(?:[-*+] +|\d{1,9}[.)] +)?$/;

/** The part of a piece that belongs to the answer. */
export interface FilteredText {
  readonly text: string;
  /** All earlier text was reasoning that the prompt had opened. The answer restarts with `text`. */
  readonly restart: boolean;
}

/**
 * A streaming filter that removes reasoning from an answer: text between tags such as `<think>…</think>`. Tags may arrive
 * in pieces. Tags in Markdown code (spans and fenced blocks) are plain text. Unclosed reasoning extends to the end.
 */
export function createReasoningFilter() {
  const code = createCodeTracker();
  let pending = "";
  let isReasoning = false;
  let hasRemoved = false;
  let hasVisibleText = false;

  function filter(text: string): FilteredText {
    let visible = "";
    let restart = false;
    let from = 0;
    const copyUntil = (to: number) => {
      if (!isReasoning) {
        visible += text.slice(from, to);
        code.text(text.slice(from, to));
      }
      from = to;
    };
    for (const { 0: token, index } of text.matchAll(TOKEN)) {
      copyUntil(index);
      const isTag = !code.isInside() && (isReasoning ? CLOSER.test(token) : OPENER.test(token) || CLOSER.test(token));
      if (!isTag) {
        if (!isReasoning) {
          visible += token;
          code.mark(token);
        }
      } else {
        if (CLOSER.test(token) && !isReasoning) {
          restart ||= hasVisibleText;
          visible = "";
          hasVisibleText = false;
        }
        isReasoning = OPENER.test(token);
        hasRemoved = true;
      }
      from = index + token.length;
    }
    copyUntil(text.length);
    if (hasRemoved && !hasVisibleText) visible = visible.trimStart(); // the blank lines between the reasoning and the answer
    hasVisibleText ||= visible.trim() !== "";
    return { text: visible, restart };
  }

  return {
    push(text: string): FilteredText {
      pending += text;
      const cut = PARTIAL_TOKEN.exec(pending)?.index ?? pending.length;
      const ready = pending.slice(0, cut);
      pending = pending.slice(cut);
      return filter(ready);
    },
    /** The pending text at the end of the answer. `unclosed`: the answer ended within its reasoning. */
    end(): FilteredText & { readonly unclosed: boolean } {
      const rest = filter(pending);
      pending = "";
      return { ...rest, unclosed: isReasoning };
    },
  };
}

/** Tracks whether streamed text is inside a code span or a fenced block. A span ends at the end of its line at the latest. */
function createCodeTracker() {
  let fence = "";
  let span = "";
  let line = ""; // the start of the current line, which decides whether a fence may follow
  return {
    isInside: () => fence !== "" || span !== "",
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
