import type { ComponentChildren } from "preact";

interface PageProps {
  readonly title: string;
  /** The answer in one sentence, below the title. */
  readonly lead?: ComponentChildren;
  /** Buttons or links next to the title. */
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** The content of a view: its title, what it says in one sentence, and its sections. */
export function Page({ title, lead, actions, children }: PageProps) {
  return (
    <>
      <div class="top">
        <h1>{title}</h1>
        {actions && <div class="actions">{actions}</div>}
        {lead && <p class="lead">{lead}</p>}
      </div>
      {children}
    </>
  );
}
