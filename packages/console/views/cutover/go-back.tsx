import { useState } from "preact/hooks";
import { Command } from "../../components/command.tsx";
import { Confirm } from "../../components/confirm.tsx";
import { type CutoverStatus, goBack, type Phase } from "./api.ts";
import { Effects } from "./effects.tsx";
import { backEffects, earlierPhases } from "./phases.ts";

interface GoBackProps {
  readonly status: CutoverStatus;
  readonly onClose: () => void;
}

/** Asks before a tenant goes back, and to which phase. From the last one only after its data was written back. */
export function GoBack({ status: { tenant, phase }, onClose }: GoBackProps) {
  const phases = earlierPhases(phase);
  const [to, setTo] = useState<Phase>(phases[0] ?? "chroma");
  const [isWrittenBack, setIsWrittenBack] = useState(false);
  const isDone = phase === "done";
  return (
    <Confirm
      title={`Take ${tenant.name} back to ${to}?`}
      action={`Go back to ${to}`}
      isDangerous={isDone}
      onConfirm={() => goBack(tenant.id, isDone ? { to, force: isWrittenBack } : { to })}
      onClose={onClose}
    >
      {phases.length > 1 && (
        <fieldset>
          <legend>Phase</legend>
          {phases.map((name) => (
            <label key={name} class="choice">
              <input type="radio" name="to" checked={name === to} onChange={() => setTo(name)} />
              {name}
            </label>
          ))}
        </fieldset>
      )}
      <Effects effects={backEffects(phase, to)} />
      {isDone && (
        <>
          <p>Stop the tenant's writes, and write its data to Chroma first:</p>
          <Command text={`cairn migrate --back --tenant ${tenant.id} --chroma https://chroma.example.org`} />
          <label class="choice">
            <input
              type="checkbox"
              name="force"
              checked={isWrittenBack}
              onChange={({ currentTarget }) => setIsWrittenBack(currentTarget.checked)}
            />
            The data was written back. This overrides that Chroma lacks what was written since.
          </label>
        </>
      )}
    </Confirm>
  );
}
