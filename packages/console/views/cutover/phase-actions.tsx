import { useState } from "preact/hooks";
import { Button } from "../../components/button.tsx";
import { Advance } from "./advance.tsx";
import { type CutoverStatus, isComparing, requestComparison } from "./api.ts";
import { GoBack } from "./go-back.tsx";

interface PhaseActionsProps {
  readonly status: CutoverStatus;
  readonly onChange: () => void;
}

/** What can be done with a tenant in its phase. */
export function PhaseActions({ status, onChange }: PhaseActionsProps) {
  const [open, setOpen] = useState<"advance" | "back">();
  const { phase, next, compared } = status;
  const close = () => {
    setOpen(undefined);
    onChange();
  };
  const isReplicated = phase === "mirror" || phase === "shadow" || phase === "cairn";
  return (
    <>
      {isReplicated && <CompareNow status={status} isRequested={isComparing(compared)} onChange={onChange} />}
      {phase !== "chroma" && <Button onClick={() => setOpen("back")}>Go back</Button>}
      {next && (
        <Button isPrimary onClick={() => setOpen("advance")}>
          Advance to {next.phase}
        </Button>
      )}
      {open === "advance" && next && <Advance status={status} onClose={close} />}
      {open === "back" && <GoBack status={status} onClose={close} />}
    </>
  );
}

interface CompareNowProps extends PhaseActionsProps {
  readonly isRequested: boolean;
}

function CompareNow({ status: { tenant, compared }, isRequested, onChange }: CompareNowProps) {
  const [isBusy, setIsBusy] = useState(false);
  const compare = () => {
    setIsBusy(true);
    requestComparison(tenant.id)
      .catch(() => {}) // the status, which is read now, shows the reason
      .finally(() => {
        setIsBusy(false);
        onChange();
      });
  };
  const isRunning = isRequested || compared === null;
  return (
    <Button isBusy={isBusy} isDisabled={isRunning} onClick={compare}>
      {isRunning ? "Comparing …" : "Compare now"}
    </Button>
  );
}
