import { read } from "@cairn/client/client.ts";
import { useState } from "preact/hooks";
import { Confirm } from "../../components/confirm.tsx";
import { Field } from "../../components/field.tsx";
import { tenantOrOwnClient } from "../../request/client.ts";
import { tenantCredential } from "../../request/session.ts";
import type { Key } from "./key.ts";

interface RotateKeyProps {
  readonly apiKey: Key;
  readonly onSecret: (secret: string) => void;
  readonly onClose: () => void;
}

/** Seconds for which the old key remains valid. */
const GRACE: readonly (readonly [number, string])[] = [
  [0, "at once"],
  [3_600, "in an hour"],
  [86_400, "in a day"],
  [604_800, "in a week"],
];

/** Replaces a key by a new one with the same name and scopes, and asks when the old one ends. */
export function RotateKey({ apiKey: { id, name }, onSecret, onClose }: RotateKeyProps) {
  const [grace, setGrace] = useState(3_600);
  const rotate = async () => {
    const client = tenantOrOwnClient(tenantCredential() ? "tenant" : "own");
    const request = { param: { key: id }, json: { grace_seconds: grace } };
    const { secret } = await read(client.v1.keys[":key"].rotate.$post(request));
    onSecret(secret);
  };
  return (
    <Confirm title={`Rotate ${name || "the key"}`} action="Rotate" onConfirm={rotate} onClose={onClose}>
      <p>A new key with the same name and scopes is created and shown once. Replace the old key where it is used.</p>
      <Field label="The old key ends">
        {(props) => (
          <select {...props} value={grace} onChange={({ currentTarget }) => setGrace(Number(currentTarget.value))}>
            {GRACE.map(([seconds, text]) => (
              <option key={seconds} value={seconds}>
                {text}
              </option>
            ))}
          </select>
        )}
      </Field>
    </Confirm>
  );
}
