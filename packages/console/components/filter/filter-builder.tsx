import { useId } from "preact/hooks";
import { Button } from "../button.tsx";
import { type Condition, type FilterDraft, operatorsFor } from "./condition.ts";
import { ConditionRow } from "./condition-row.tsx";
import type { MetadataKeys } from "./metadata-keys.ts";

interface FilterBuilderProps {
  readonly draft: FilterDraft;
  readonly metadata: MetadataKeys;
  readonly onChange: (draft: FilterDraft) => void;
}

/** Conditions on the metadata of a collection, with its own keys and values to choose from. */
export function FilterBuilder({ draft, metadata, onChange }: FilterBuilderProps) {
  const id = useId();
  const { conditions, isAny } = draft;
  const { keys = [] } = metadata;
  const change = (index: number, condition: Condition) =>
    onChange({ ...draft, conditions: conditions.with(index, condition) });
  const add = () => {
    const [first] = keys;
    const operator = (first && operatorsFor(first.types)[0]) ?? "present";
    onChange({ ...draft, conditions: [...conditions, { key: first?.key ?? "", operator, value: "" }] });
  };
  if (metadata.keys && keys.length === 0 && conditions.length === 0)
    return <p class="soft small">The documents of this collection have no metadata to filter by.</p>;
  return (
    <fieldset class="filter" aria-labelledby={id}>
      <div class="filter-head">
        <span id={id} class="label">
          Filter
        </span>
        {conditions.length > 1 && (
          <select
            aria-label="How conditions are combined"
            value={isAny ? "any" : "all"}
            onChange={({ currentTarget }) => onChange({ ...draft, isAny: currentTarget.value === "any" })}
          >
            <option value="all">all conditions match</option>
            <option value="any">any condition matches</option>
          </select>
        )}
        <Button onClick={add} isDisabled={!metadata.keys}>
          Add a condition
        </Button>
      </div>
      {conditions.map((condition, index) => (
        <ConditionRow
          key={index}
          condition={condition}
          number={index + 1}
          keys={keys}
          onChange={(changed) => change(index, changed)}
          onRemove={() => onChange({ ...draft, conditions: conditions.toSpliced(index, 1) })}
        />
      ))}
    </fieldset>
  );
}
