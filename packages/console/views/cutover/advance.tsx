import { useState } from "preact/hooks";
import { Confirm } from "../../components/confirm.tsx";
import { Field } from "../../components/field.tsx";
import { countOf } from "../../components/format.ts";
import { useRequest } from "../../request/use-request.ts";
import { advance, type CutoverStatus, listNamespaces } from "./api.ts";
import { ConditionList } from "./conditions.tsx";
import { Effects } from "./effects.tsx";
import { ADVANCE_EFFECTS } from "./phases.ts";

interface AdvanceProps {
  readonly status: CutoverStatus;
  readonly onClose: () => void;
}

/** Asks before a tenant enters its next phase. Open conditions are overridden only after a second choice that lists them. */
export function Advance({ status: { tenant, phase, next }, onClose }: AdvanceProps) {
  const [isForced, setIsForced] = useState(false);
  const [namespace, setNamespace] = useState<string>();
  if (!next) return null;
  const open = next.conditions.filter(({ met }) => !met);
  const confirm = () => {
    const force = isForced && open.length > 0;
    return advance(tenant.id, { to: next.phase, ...(force ? { force } : {}), ...(namespace ? { namespace } : {}) });
  };
  return (
    <Confirm
      title={`Advance ${tenant.name} to ${next.phase}?`}
      action={isForced && open.length > 0 ? `Override and enter ${next.phase}` : `Enter ${next.phase}`}
      isDangerous={next.phase === "done" || isForced}
      onConfirm={confirm}
      onClose={onClose}
    >
      <Effects effects={ADVANCE_EFFECTS[next.phase]} />
      {phase === "chroma" && <ChooseNamespace onChoose={setNamespace} />}
      {open.length > 0 && (
        <>
          <p class="notice">
            {countOf(open.length, "condition")} {open.length === 1 ? "is" : "are"} open, so the service refuses the
            phase.
          </p>
          <label class="choice">
            <input
              type="checkbox"
              name="force"
              checked={isForced}
              onChange={({ currentTarget }) => setIsForced(currentTarget.checked)}
            />
            Enter the phase anyway. What is overridden is recorded.
          </label>
          {isForced && (
            <div class="overridden">
              <h3>This overrides</h3>
              <ConditionList conditions={open} />
            </div>
          )}
        </>
      )}
    </Confirm>
  );
}

function ChooseNamespace({ onChoose }: { readonly onChoose: (id: string) => void }) {
  const { data = [] } = useRequest(listNamespaces, []);
  if (data.length < 2) return null;
  return (
    <Field label="Namespace" hint="Says what the names of the collections in Chroma stand for.">
      {(props) => (
        <select {...props} onChange={({ currentTarget }) => onChoose(currentTarget.value)}>
          <option value="">Choose one</option>
          {data.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
