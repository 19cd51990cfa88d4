import { useState } from "preact/hooks";
import { Button } from "../../components/button.tsx";
import { Field } from "../../components/field.tsx";
import { Problem } from "../../components/problem.tsx";
import { Section } from "../../components/section.tsx";
import { type CutoverStatus, changeSettings } from "./api.ts";

interface SettingsSectionProps {
  readonly status: CutoverStatus;
  readonly onChange: () => void;
}

/** The settings of a tenant's cut-over. */
export function SettingsSection({ status: { tenant, settings, since }, onChange }: SettingsSectionProps) {
  const [sample, setSample] = useState<string>();
  const [strict, setStrict] = useState<boolean>();
  const [error, setError] = useState<unknown>();
  const [isBusy, setIsBusy] = useState(false);
  const shownSample = sample ?? (settings.sample === undefined ? "" : String(Math.round(1e6 * settings.sample) / 1e4));
  const shownStrict = strict ?? settings.strict ?? false;
  if (since === null) return null;
  const save = async (event: Event) => {
    event.preventDefault();
    setIsBusy(true);
    setError(undefined);
    try {
      const share = shownSample === "" ? null : Number(shownSample) / 100;
      await changeSettings(tenant.id, { strict: shownStrict, sample: share });
      setSample(undefined);
      setStrict(undefined);
      onChange();
    } catch (reason) {
      setError(reason);
    }
    setIsBusy(false);
  };
  return (
    <Section title="Settings" note="They hold from the next request on.">
      <form onSubmit={save} class="cutover-settings">
        <Field
          label="Reads that are compared, in percent"
          hint="Empty: the first hundred of each minute, and then every tenth."
        >
          {(props) => (
            <input
              {...props}
              type="number"
              name="sample"
              min={0}
              max={100}
              step="any"
              value={shownSample}
              onInput={({ currentTarget }) => setSample(currentTarget.value)}
            />
          )}
        </Field>
        <label class="choice">
          <input
            type="checkbox"
            name="strict"
            checked={shownStrict}
            onChange={({ currentTarget }) => setStrict(currentTarget.checked)}
          />
          Strict: answer a write only when Cairn has it, too
        </label>
        <p class="soft">
          A write that Chroma accepted is then answered 503 if Cairn does not have it within 5 s. Otherwise an outage of
          the replication is not one of the application.
        </p>
        {error !== undefined && <Problem error={error} />}
        <div class="actions">
          <Button isBusy={isBusy} isDisabled={sample === undefined && strict === undefined}>
            Save the settings
          </Button>
        </div>
      </form>
    </Section>
  );
}
