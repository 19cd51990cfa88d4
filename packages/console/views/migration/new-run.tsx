import { useState } from "preact/hooks";
import { goTo } from "../../app/route.ts";
import { Button } from "../../components/button.tsx";
import { Field } from "../../components/field.tsx";
import { Problem } from "../../components/problem.tsx";
import { Section } from "../../components/section.tsx";
import { startMigration } from "./api.ts";
import { MoreOptions, type SetField } from "./more-options.tsx";
import { NO_OPTIONS, type OptionFields, toOptions } from "./options.ts";

/** The form that starts a dry run. A migration is started from its dry run, with the same options. */
export function NewRun() {
  const [fields, setFields] = useState<OptionFields>(NO_OPTIONS);
  const [error, setError] = useState<unknown>();
  const [isBusy, setIsBusy] = useState(false);
  const set: SetField = (name, value) => setFields((all) => ({ ...all, [name]: value }));
  const submit = async (event: Event) => {
    event.preventDefault();
    setIsBusy(true);
    setError(undefined);
    try {
      const { id } = await startMigration(toOptions(fields), { isDryRun: true });
      goTo(["migration", id]);
    } catch (reason) {
      setError(reason);
      setIsBusy(false);
    }
  };
  return (
    <Section
      title="Dry run"
      note="Reads every record once and writes nothing. It shows where each collection would go, and what Cairn cannot take."
    >
      <form onSubmit={submit}>
        <Field
          label="Pattern of the collections' names"
          hint="What in a name is the tenant, and what is the collection. Names that do not match get a proposal."
        >
          {(props) => (
            <input
              {...props}
              name="pattern"
              placeholder="tenant_{tenant}_{collection}"
              spellcheck={false}
              value={fields.pattern}
              onInput={({ currentTarget }) => set("pattern", currentTarget.value)}
            />
          )}
        </Field>
        <MoreOptions fields={fields} set={set} />
        {error !== undefined && <Problem error={error} />}
        <div class="actions">
          <Button isPrimary isBusy={isBusy}>
            Start the dry run
          </Button>
        </div>
      </form>
    </Section>
  );
}
