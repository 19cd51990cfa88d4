/** Preformatted text that scrolls sideways, also with the keyboard. */
export function Scrollable({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable with the keyboard
    <section class="pre" aria-label={label} tabIndex={0}>
      <pre>{text}</pre>
    </section>
  );
}
