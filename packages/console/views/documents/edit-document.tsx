import { read } from "@cairn/client/client.ts";
import { useState } from "preact/hooks";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { Field } from "../../components/field.tsx";
import { Problem } from "../../components/problem.tsx";
import { stringifyValue } from "../../components/stringify-value.ts";
import { tenantClient } from "../../request/client.ts";
import type { Document } from "./document.ts";
import { type MetadataChanges, metadataChanges } from "./metadata-changes.ts";

interface EditDocumentProps {
  readonly collection: string;
  readonly document: Document;
  readonly onClose: () => void;
  readonly onSaved: () => void;
}

/** Edits the metadata and the URI of a document, and says what will change before it does. */
export function EditDocument({ collection, document: { id, metadata, uri }, onClose, onSaved }: EditDocumentProps) {
  const [text, setText] = useState(stringifyValue(metadata, 2));
  const [address, setAddress] = useState(uri ?? "");
  const [error, setError] = useState<unknown>();
  const [isBusy, setIsBusy] = useState(false);
  const changes = metadataChanges(metadata, text);
  const hasNewAddress = address !== (uri ?? "");
  const effect = typeof changes === "string" ? changes : describe(changes, hasNewAddress);
  const save = (event: Event) => {
    event.preventDefault();
    if (typeof changes === "string" || isBusy) return;
    setIsBusy(true);
    const change = { id, metadata: changes.patch, ...(hasNewAddress ? { uri: address || null } : {}) };
    read(tenantClient().v1.documents.update.$post({ header: {}, json: { collection, documents: [change] } })).then(
      () => {
        onSaved();
        onClose();
      },
      (reason: unknown) => {
        setError(reason);
        setIsBusy(false);
      },
    );
  };
  return (
    <Dialog title={`Edit ${id}`} onClose={onClose}>
      <form onSubmit={save}>
        <Field label="Metadata" hint="A JSON object. Texts are in quotes.">
          {(props) => (
            <textarea
              {...props}
              class="json"
              rows={Math.min(16, Math.max(6, text.split("\n").length + 1))}
              spellcheck={false}
              value={text}
              onInput={({ currentTarget }) => setText(currentTarget.value)}
            />
          )}
        </Field>
        <Field label="URI" hint="Where the original is, for citations.">
          {(props) => (
            <input {...props} value={address} onInput={({ currentTarget }) => setAddress(currentTarget.value)} />
          )}
        </Field>
        <p class={typeof changes === "string" ? "refusal" : "notice"} role="status">
          {effect}
        </p>
        {error !== undefined && <Problem error={error} />}
        <div class="actions">
          <Button isPrimary isBusy={isBusy} isDisabled={typeof changes === "string" || effect === NOTHING}>
            Save
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}

const NOTHING = "Nothing is changed yet.";

function describe({ added, changed, removed }: MetadataChanges, hasNewAddress: boolean): string {
  const parts = [
    added.length > 0 && `adds ${added.join(", ")}`,
    changed.length > 0 && `changes ${changed.join(", ")}`,
    removed.length > 0 && `removes ${removed.join(", ")}`,
    hasNewAddress && "changes the URI",
  ].filter((part) => part !== false);
  if (parts.length === 0) return NOTHING;
  return `Saving ${parts.join(", ")}. The text and its vectors stay: nothing is embedded.`;
}
