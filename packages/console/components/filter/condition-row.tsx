import { useId } from "preact/hooks";
import { formatCount } from "../format.ts";
import { type Condition, OPERATORS, type Operator, operatorsFor, takesValue } from "./condition.ts";
import type { MetadataKey } from "./metadata-keys.ts";

interface ConditionRowProps {
  readonly condition: Condition;
  /** Its position, from 1. */
  readonly number: number;
  readonly keys: readonly MetadataKey[];
  readonly onChange: (condition: Condition) => void;
  readonly onRemove: () => void;
}

/** One condition: a key, an operator and a value. */
export function ConditionRow({ condition, number, keys, onChange, onRemove }: ConditionRowProps) {
  const { key, operator } = condition;
  const known = keys.find((one) => one.key === key);
  const operators = known ? operatorsFor(known.types) : (Object.keys(OPERATORS) as Operator[]);
  const chooseKey = (name: string) => {
    const possible = operatorsFor(keys.find((one) => one.key === name)?.types ?? []);
    onChange({ key: name, operator: possible.includes(operator) ? operator : (possible[0] ?? "present"), value: "" });
  };
  return (
    <div class="condition">
      <select
        aria-label={`Key of condition ${number}`}
        value={key}
        onChange={({ currentTarget }) => chooseKey(currentTarget.value)}
      >
        {!known && <option value={key}>{key}</option>}
        {keys.map((one) => (
          <option key={one.key} value={one.key}>
            {one.key}
          </option>
        ))}
      </select>
      <select
        aria-label={`Operator of condition ${number}`}
        value={operator}
        onChange={({ currentTarget }) => onChange({ ...condition, operator: currentTarget.value as Operator })}
      >
        {operators.map((one) => (
          <option key={one} value={one}>
            {OPERATORS[one]}
          </option>
        ))}
      </select>
      {takesValue(operator) && <Value condition={condition} number={number} known={known} onChange={onChange} />}
      <button type="button" class="plain" onClick={onRemove} aria-label={`Remove condition ${number}`}>
        Remove
      </button>
    </div>
  );
}

type ValueProps = Pick<ConditionRowProps, "condition" | "number" | "onChange"> & {
  readonly known: MetadataKey | undefined;
};

/** The value, with the frequent values of the key to choose from. */
function Value({ condition, number, known, onChange }: ValueProps) {
  const id = useId();
  const { minimum, maximum } = known ?? {};
  const range = minimum === null || minimum === undefined ? undefined : `${minimum} to ${maximum}`;
  return (
    <>
      <input
        aria-label={`Value of condition ${number}`}
        list={id}
        autoComplete="off"
        placeholder={condition.operator === "$in" ? "one, two, three" : (range ?? "value")}
        value={condition.value}
        onInput={({ currentTarget }) => onChange({ ...condition, value: currentTarget.value })}
      />
      <datalist id={id}>
        {known?.values.map(({ value, count }) => (
          <option key={String(value)} value={String(value)}>
            {formatCount(count)}
          </option>
        ))}
      </datalist>
    </>
  );
}
