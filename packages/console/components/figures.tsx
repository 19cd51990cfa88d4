import type { ComponentChildren } from "preact";

export interface Figure {
  readonly name: string;
  readonly value: ComponentChildren;
}

/** The figures of a page in large type. */
export function Figures({ figures }: { readonly figures: readonly Figure[] }) {
  return (
    <dl class="figures">
      {figures.map(({ name, value }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
