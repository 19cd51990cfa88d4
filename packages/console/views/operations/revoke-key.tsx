import { read } from "@cairn/client/client.ts";
import { Confirm } from "../../components/confirm.tsx";
import { Moment } from "../../components/moment.tsx";
import { tenantOrOwnClient } from "../../request/client.ts";
import { tenantCredential } from "../../request/session.ts";
import type { Key } from "./key.ts";

interface RevokeKeyProps {
  readonly apiKey: Key;
  /** Whether it is the key of the session. */
  readonly isOwn: boolean;
  readonly onRevoked: () => void;
  readonly onClose: () => void;
}

/** Asks before a key is revoked. */
export function RevokeKey({ apiKey: key, isOwn, onRevoked, onClose }: RevokeKeyProps) {
  const revoke = async () => {
    const client = tenantOrOwnClient(tenantCredential() ? "tenant" : "own");
    await read(client.v1.keys[":key"].$delete({ param: { key: key.id }, header: {} }));
    onRevoked();
  };
  return (
    <Confirm
      title={`Revoke ${key.name || "the key"}?`}
      action="Revoke"
      isDangerous
      onConfirm={revoke}
      onClose={onClose}
    >
      <p>
        Requests with the key <code>…{key.hint}</code> are refused within a minute. This cannot be undone; a new key can
        be created.
      </p>
      <p>
        It was last used: <Moment iso={key.last_used_at} />.
      </p>
      {isOwn && (
        <p>
          <strong>You are signed in with this key, so you will be signed out.</strong>
        </p>
      )}
    </Confirm>
  );
}
