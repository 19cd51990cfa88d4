import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface SectionProps {
  /** For links to it. */
  readonly id?: string;
  readonly title: string;
  /** A short text next to the title. */
  readonly note?: ComponentChildren;
  /** Buttons or links of the section. */
  readonly actions?: ComponentChildren;
  /** Uses the full width of the page, for wide tables. Default false. */
  readonly isWide?: boolean;
  readonly children: ComponentChildren;
}

/** A titled section: the title and its note in the margin, and the content next to them. */
export function Section({ id: name, title, note, actions, isWide = false, children }: SectionProps) {
  const id = useId();
  return (
    <section id={name} aria-labelledby={id} class={isWide ? "wide" : undefined}>
      <div class="margin">
        <h2 id={id}>{title}</h2>
        {note && <p>{note}</p>}
        {actions && <div class="actions">{actions}</div>}
      </div>
      <div class="matter">{children}</div>
    </section>
  );
}
