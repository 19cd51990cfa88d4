import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  readonly label: string;
  /** What to enter, below the input. */
  readonly hint?: ComponentChildren;
  /** Renders the input with the attributes that connect it to its label and hint. */
  readonly children: (input: { readonly id: string; readonly "aria-describedby"?: string }) => ComponentChildren;
}

/** An input with its label and hint. */
export function Field({ label, hint, children }: FieldProps) {
  const id = useId();
  const hintId = `${id}-hint`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, ...(hint ? { "aria-describedby": hintId } : {}) })}
      {hint && <small id={hintId}>{hint}</small>}
    </div>
  );
}
