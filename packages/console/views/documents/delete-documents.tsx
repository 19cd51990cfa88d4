import { read } from "@cairn/client/client.ts";
import { Confirm } from "../../components/confirm.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { countOf } from "../../components/format.ts";
import { Loading } from "../../components/loading.tsx";
import { Problem } from "../../components/problem.tsx";
import { tenantClient } from "../../request/client.ts";
import { useRequest } from "../../request/use-request.ts";
import { effectOfDeletion } from "./document.ts";

interface DeleteDocumentsProps {
  readonly collection: string;
  readonly ids: readonly string[];
  readonly onClose: () => void;
  readonly onDeleted: () => void;
}

/** Asks before documents are deleted, with what the deletion deletes as of now. */
export function DeleteDocuments({ collection, ids, onClose, onDeleted }: DeleteDocumentsProps) {
  const { data: effect, error } = useRequest(() => effectOfDeletion(collection, ids), []);
  const remove = async () => {
    await read(tenantClient().v1.documents.delete.$post({ header: {}, json: { collection, ids: [...ids] } }));
    onDeleted();
  };
  const title = ids.length === 1 ? `Delete ${ids[0]}?` : `Delete ${countOf(ids.length, "document")}?`;
  if (!effect && error === undefined)
    return (
      <Dialog title={title} onClose={onClose}>
        <Loading what="Its effect" />
      </Dialog>
    );
  return (
    <Confirm title={title} action="Delete" isDangerous onConfirm={remove} onClose={onClose}>
      {error !== undefined && <Problem error={error} />}
      {effect && (
        <p>
          Deletes {effect.passages === undefined ? "all passages" : countOf(effect.passages, "passage")} of{" "}
          {countOf(effect.documents, "document")} in {collection}. Searches stop finding them at once. This cannot be
          undone.
        </p>
      )}
      {ids.length > 1 && (
        <ul class="ids">
          {ids.map((id) => (
            <li key={id}>{id}</li>
          ))}
        </ul>
      )}
    </Confirm>
  );
}
