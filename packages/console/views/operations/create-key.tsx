import { read } from "@cairn/client/client.ts";
import { useState } from "preact/hooks";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { Field } from "../../components/field.tsx";
import { Problem } from "../../components/problem.tsx";
import { tenantOrOwnClient } from "../../request/client.ts";
import { tenantCredential } from "../../request/session.ts";

interface CreateKeyProps {
  readonly onSecret: (secret: string) => void;
  readonly onClose: () => void;
}

type Scope = "read" | "write" | "admin";

const SCOPES: readonly (readonly [Scope, string])[] = [
  ["read", "read: search, chat and read documents"],
  ["write", "write: add, change and delete documents"],
  ["admin", "admin: keys, statistics and index maintenance"],
];

/** Days after which a key expires. 0: never. */
const LIFETIMES: readonly (readonly [number, string])[] = [
  [0, "never"],
  [1, "in a day"],
  [30, "in 30 days"],
  [365, "in a year"],
];

const DAY_MS = 86_400_000;

/** Asks for the name, the scopes and the lifetime of a new key. */
export function CreateKey({ onSecret, onClose }: CreateKeyProps) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(["read"]);
  const [days, setDays] = useState(0);
  const [error, setError] = useState<unknown>();
  const [isBusy, setIsBusy] = useState(false);
  const submit = (event: Event) => {
    event.preventDefault();
    setIsBusy(true);
    const client = tenantOrOwnClient(tenantCredential() ? "tenant" : "own");
    const expires = days === 0 ? {} : { expires_at: new Date(Date.now() + days * DAY_MS).toISOString() };
    read(client.v1.keys.$post({ json: { name, scopes: [...scopes], ...expires } })).then(
      ({ secret }) => onSecret(secret),
      (reason: unknown) => {
        setError(reason);
        setIsBusy(false);
      },
    );
  };
  const toggle = (scope: Scope) =>
    setScopes(scopes.includes(scope) ? scopes.filter((other) => other !== scope) : [...scopes, scope]);
  return (
    <Dialog title="Create a key" onClose={onClose}>
      <form onSubmit={submit}>
        <Field label="Name" hint="Who or what uses it, such as web shop.">
          {(props) => (
            <input
              {...props}
              required
              maxLength={200}
              value={name}
              onInput={({ currentTarget }) => setName(currentTarget.value)}
            />
          )}
        </Field>
        <fieldset>
          <legend>What it may do</legend>
          {SCOPES.map(([scope, text]) => (
            <label key={scope} class="choice">
              <input type="checkbox" checked={scopes.includes(scope)} onChange={() => toggle(scope)} />
              {text}
            </label>
          ))}
        </fieldset>
        <Field label="It expires">
          {(props) => (
            <select {...props} value={days} onChange={({ currentTarget }) => setDays(Number(currentTarget.value))}>
              {LIFETIMES.map(([value, text]) => (
                <option key={value} value={value}>
                  {text}
                </option>
              ))}
            </select>
          )}
        </Field>
        {error !== undefined && <Problem error={error} />}
        <div class="actions">
          <Button isPrimary isBusy={isBusy} isDisabled={scopes.length === 0}>
            Create
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}
