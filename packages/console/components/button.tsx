import type { ComponentChildren } from "preact";

interface ButtonProps {
  readonly children: ComponentChildren;
  /** Omitted: it submits its form. */
  readonly onClick?: (event: Event) => void;
  readonly isPrimary?: boolean;
  /** What it does cannot be undone. */
  readonly isDangerous?: boolean;
  /** A request is running. */
  readonly isBusy?: boolean;
  readonly isDisabled?: boolean;
  /** For screen readers, if the text is not enough out of its context. */
  readonly label?: string;
}

/** A button. While it is busy it keeps the focus and ignores clicks. */
export function Button({ children, onClick, isPrimary, isDangerous, isBusy, isDisabled, label }: ButtonProps) {
  const classes = [isPrimary && "primary", isDangerous && "dangerous"].filter(Boolean).join(" ");
  return (
    <button
      type={onClick ? "button" : "submit"}
      class={classes || undefined}
      aria-label={label}
      aria-busy={isBusy || undefined}
      aria-disabled={isBusy || undefined}
      disabled={isDisabled}
      onClick={(event) => {
        if (isBusy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {children}
    </button>
  );
}
