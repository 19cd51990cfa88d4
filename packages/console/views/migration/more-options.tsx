import { Field } from "../../components/field.tsx";
import type { OptionFields } from "./options.ts";

export type SetField = <Name extends keyof OptionFields>(name: Name, value: OptionFields[Name]) => void;

interface MoreOptionsProps {
  readonly fields: OptionFields;
  readonly set: SetField;
}

/** Options that most migrations do not need. */
export function MoreOptions({ fields, set }: MoreOptionsProps) {
  return (
    <details class="more-options">
      <summary>More options</summary>
      <Field
        label="Mapping"
        hint={
          <>
            JSON, by source collection. <code>null</code> leaves a collection out.
          </>
        }
      >
        {(props) => (
          <textarea
            {...props}
            name="mapping"
            rows={4}
            spellcheck={false}
            placeholder={'{"faq": {"tenant": "acme", "collection": "faq"}, "scratch": null}'}
            value={fields.mapping}
            onInput={({ currentTarget }) => set("mapping", currentTarget.value)}
          />
        )}
      </Field>
      <div class="pair">
        <Text
          name="only"
          label="Only these collections"
          hint="Names with commas between. * matches any text."
          {...{ fields, set }}
        />
        <Text name="tenant" label="Tenant" hint="If the pattern has no {tenant}." {...{ fields, set }} />
        <Text
          name="chromaTenants"
          label="Chroma's tenants"
          hint="Chroma cannot list them. Name each one."
          {...{ fields, set }}
        />
        <Text name="chromaDatabases" label="Chroma's databases" hint="Default: all." {...{ fields, set }} />
        <Text
          name="sourceModel"
          label="Model of Chroma's vectors"
          hint="provider/model, if Chroma does not know it."
          {...{ fields, set }}
        />
        <Field
          label="Vectors"
          hint="They are copied if the target keeps the model. Embedding costs what the provider charges."
        >
          {(props) => (
            <select
              {...props}
              name="reEmbed"
              value={fields.reEmbed}
              onChange={({ currentTarget }) => set("reEmbed", currentTarget.value as OptionFields["reEmbed"])}
            >
              <option value="auto">Copy if possible</option>
              <option value="always">Embed again</option>
              <option value="never">Copy only</option>
            </select>
          )}
        </Field>
        {fields.reEmbed === "always" && (
          <Text
            name="model"
            label="Model to embed with"
            hint="Default: that of new collections."
            {...{ fields, set }}
          />
        )}
      </div>
      <fieldset>
        <legend>In a later run</legend>
        <Check
          name="prune"
          label="Delete records that a migration wrote and Chroma no longer has"
          {...{ fields, set }}
        />
        <Check
          name="discardChanges"
          label="Discard what was added, edited and deleted in Cairn since the migration. It cannot be recovered."
          {...{ fields, set }}
        />
      </fieldset>
    </details>
  );
}

type TextName = "only" | "tenant" | "chromaTenants" | "chromaDatabases" | "sourceModel" | "model";

interface TextProps extends MoreOptionsProps {
  readonly name: TextName;
  readonly label: string;
  readonly hint: string;
}

function Text({ name, label, hint, fields, set }: TextProps) {
  return (
    <Field label={label} hint={hint}>
      {(props) => (
        <input
          {...props}
          name={name}
          spellcheck={false}
          value={fields[name]}
          onInput={({ currentTarget }) => set(name, currentTarget.value)}
        />
      )}
    </Field>
  );
}

interface CheckProps extends MoreOptionsProps {
  readonly name: "prune" | "discardChanges";
  readonly label: string;
}

function Check({ name, label, fields, set }: CheckProps) {
  return (
    <label class="choice">
      <input
        type="checkbox"
        name={name}
        checked={fields[name]}
        onChange={({ currentTarget }) => set(name, currentTarget.checked)}
      />
      {label}
    </label>
  );
}
