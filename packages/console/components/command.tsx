import { useState } from "preact/hooks";

/** A text to copy, such as a command or a key. */
export function Command({ text, what = "command" }: { readonly text: string; readonly what?: string }) {
  const [isCopied, setIsCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setIsCopied(true);
    setTimeout(() => setIsCopied(false), 2_000);
  };
  return (
    <span class="command">
      <code>{text}</code>
      <button type="button" class="plain" onClick={copy} aria-label={`Copy the ${what}: ${text}`}>
        {isCopied ? "Copied" : "Copy"}
      </button>
    </span>
  );
}
