import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { Problem } from "./problem.tsx";

interface ConfirmProps {
  readonly title: string;
  /** States the effect before it happens. */
  readonly children: ComponentChildren;
  /** What the button says, a verb: "Revoke". */
  readonly action: string;
  readonly isDangerous?: boolean;
  /** Does it. If it rejects, the dialog stays open with the reason. */
  readonly onConfirm: () => Promise<unknown>;
  /** Called after success, and when the user cancels. */
  readonly onClose: () => void;
}

/** Asks before something is done that cannot be undone. */
export function Confirm({ title, children, action, isDangerous, onConfirm, onClose }: ConfirmProps) {
  const [error, setError] = useState<unknown>();
  const [isBusy, setIsBusy] = useState(false);
  const confirm = () => {
    setIsBusy(true);
    onConfirm().then(onClose, (reason: unknown) => {
      setError(reason);
      setIsBusy(false);
    });
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="effect">{children}</div>
      {error !== undefined && <Problem error={error} />}
      <div class="actions">
        <Button isPrimary isDangerous={isDangerous} isBusy={isBusy} onClick={confirm}>
          {action}
        </Button>
        <Button onClick={onClose}>Cancel</Button>
      </div>
    </Dialog>
  );
}
