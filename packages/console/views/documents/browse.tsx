import { read } from "@cairn/client/client.ts";
import { useState } from "preact/hooks";
import { goTo, route } from "../../app/route.ts";
import { Button } from "../../components/button.tsx";
import { type Collection, CollectionChoice } from "../../components/collection-choice.tsx";
import { Field } from "../../components/field.tsx";
import { readDraft, toFilter, writeDraft } from "../../components/filter/condition.ts";
import { FilterBuilder } from "../../components/filter/filter-builder.tsx";
import { useMetadataKeys } from "../../components/filter/metadata-keys.ts";
import { countOf } from "../../components/format.ts";
import { Loading } from "../../components/loading.tsx";
import { Problem } from "../../components/problem.tsx";
import { stringifyValue } from "../../components/stringify-value.ts";
import { tenantClient } from "../../request/client.ts";
import { useRequest } from "../../request/use-request.ts";
import { canWrite } from "./can-write.ts";
import { DocumentTable } from "./document-table.tsx";
import { Upload } from "./upload.tsx";

interface BrowseProps {
  readonly collections: readonly Collection[];
  readonly collection: string;
  readonly onChoose: (collection: string) => void;
}

/** The filters and the pages of documents, and the upload of files. */
export function Browse({ collections, collection, onChoose }: BrowseProps) {
  const { query } = route.value;
  const metadata = useMetadataKeys(collection);
  const [draft, setDraft] = useState(readDraft(query.get("filter")));
  const [text, setText] = useState(query.get("contains") ?? "");
  const [turn, setTurn] = useState(0);
  const applied = readDraft(query.get("filter"));
  const isReady = applied.conditions.length === 0 || metadata.keys !== undefined;
  const filter = toFilter(applied, metadata.typesOf);
  const contains = query.get("contains") ?? "";
  const apply = (event: Event) => {
    event.preventDefault();
    const written = writeDraft(draft);
    goTo(["documents", collection], { ...(written ? { filter: written } : {}), ...(text ? { contains: text } : {}) });
  };
  return (
    <>
      <form class="search" aria-label="Filter documents" onSubmit={apply}>
        <div class="search-options two">
          <CollectionChoice collections={collections} value={collection} onChange={onChoose} />
          <Field label="Text contains">
            {(props) => (
              <input
                {...props}
                type="search"
                autoComplete="off"
                placeholder="these exact characters"
                value={text}
                onInput={({ currentTarget }) => setText(currentTarget.value)}
              />
            )}
          </Field>
          <Button isPrimary>Apply</Button>
        </div>
        <FilterBuilder draft={draft} metadata={metadata} onChange={setDraft} />
      </form>
      {isReady && (
        <Matching
          key={stringifyValue([filter, contains])}
          collection={collection}
          filter={filter}
          contains={contains}
          turn={turn}
          onChange={() => setTurn(turn + 1)}
        />
      )}
      {canWrite() && <Upload collection={collection} onDone={() => setTurn(turn + 1)} />}
    </>
  );
}

interface MatchingProps {
  readonly collection: string;
  readonly filter: Readonly<Record<string, unknown>> | undefined;
  readonly contains: string;
  /** Changes when the documents have changed. */
  readonly turn: number;
  readonly onChange: () => void;
}

/** Documents of a page. */
const LIMIT = 25;

/** The number of documents that match, and a page of them. */
function Matching({ collection, filter, contains, turn, onChange }: MatchingProps) {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const after = cursors.at(-1);
  const whereDocument = contains === "" ? undefined : { $contains: contains };
  const page = useRequest(async () => {
    const query = {
      collection,
      limit: LIMIT,
      ...(after === undefined ? {} : { after }),
      ...(filter ? { filter: stringifyValue(filter) } : {}),
      ...(whereDocument ? { where_document: stringifyValue(whereDocument) } : {}),
    };
    const found = await read(tenantClient().v1.documents.$get({ query }));
    return { ...found, first: cursors.length * LIMIT + 1 };
  }, [after, turn]);
  const count = useRequest(
    () =>
      read(tenantClient().v1.documents.count.$post({ json: { collection, filter, where_document: whereDocument } })),
    [turn],
  );
  const next = page.data?.next;
  return (
    <div class="matching">
      <p class="total" role="status">
        {count.data &&
          `${countOf(count.data.documents, "document")} with ${countOf(count.data.passages, "passage")}${filter || contains ? (count.data.documents === 1 ? " matches" : " match") : ""}`}
      </p>
      {page.error !== undefined && <Problem error={page.error} retry={page.reload} />}
      {!page.data && page.error === undefined && <Loading what="Documents" />}
      {page.data && (
        <DocumentTable
          collection={collection}
          documents={page.data.documents}
          first={page.data.first}
          onChange={onChange}
        />
      )}
      {(cursors.length > 0 || next) && (
        <div class="actions pages">
          <Button isDisabled={cursors.length === 0} onClick={() => setCursors(cursors.slice(0, -1))}>
            Previous page
          </Button>
          <Button isDisabled={!next} onClick={() => next && setCursors([...cursors, next])}>
            Next page
          </Button>
        </div>
      )}
    </div>
  );
}
