import type { ComponentChildren } from "preact";

export type Tone = "quiet" | "good" | "busy" | "warning" | "bad";

/** A state in one or two words. Its sign differs by shape, so the color is not needed to read it. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <Sign tone={tone} />
      {children}
    </span>
  );
}

const SHAPES: Readonly<Record<Tone, string>> = {
  quiet: "M3 8h10",
  good: "M3 8.5l3.5 3.5L13 5",
  busy: "M8 2.5a5.5 5.5 0 1 1-5.5 5.5",
  warning: "M8 2.5v7M8 13v.2",
  bad: "M4 4l8 8M12 4l-8 8",
};

function Sign({ tone }: { readonly tone: Tone }) {
  return (
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path d={SHAPES[tone]} />
    </svg>
  );
}
