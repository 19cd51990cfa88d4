import { useState } from "preact/hooks";
import { linkTo } from "../../app/route.ts";
import { Button } from "../../components/button.tsx";
import { countOf, formatCount } from "../../components/format.ts";
import { Metadata } from "../../components/metadata.tsx";
import { Moment } from "../../components/moment.tsx";
import { type Column, Table } from "../../components/table.tsx";
import { canWrite } from "./can-write.ts";
import { DeleteDocuments } from "./delete-documents.tsx";
import type { Document } from "./document.ts";

interface DocumentTableProps {
  readonly collection: string;
  readonly documents: readonly Document[];
  /** Number of the first document, from 1. */
  readonly first: number;
  readonly onChange: () => void;
}

/** A page of documents. Those that are selected can be deleted. */
export function DocumentTable({ collection, documents, first, onChange }: DocumentTableProps) {
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [isDeleting, setIsDeleting] = useState(false);
  const chosen = documents.filter(({ id }) => selected.has(id)).map(({ id }) => id);
  const toggle = (id: string) => setSelected(selected.has(id) ? without(selected, id) : new Set([...selected, id]));
  return (
    <>
      <Table
        caption={
          documents.length > 0 ? `Documents ${formatCount(first)} to ${formatCount(first + documents.length - 1)}` : ""
        }
        columns={columnsOf(collection, { selected, toggle })}
        rows={documents}
        keyOf={({ id }) => id}
        empty="No document matches."
      />
      {chosen.length > 0 && (
        <div class="selection">
          <span>{countOf(chosen.length, "document")} selected</span>
          <Button isDangerous onClick={() => setIsDeleting(true)}>
            Delete …
          </Button>
          <button type="button" class="plain" onClick={() => setSelected(new Set())}>
            Clear the selection
          </button>
        </div>
      )}
      {isDeleting && (
        <DeleteDocuments
          collection={collection}
          ids={chosen}
          onClose={() => setIsDeleting(false)}
          onDeleted={() => {
            setSelected(new Set());
            onChange();
          }}
        />
      )}
    </>
  );
}

interface Selection {
  readonly selected: ReadonlySet<string>;
  readonly toggle: (id: string) => void;
}

function columnsOf(collection: string, { selected, toggle }: Selection): readonly Column<Document>[] {
  return [
    {
      head: "Document",
      cell: ({ id, passages }) => (
        <>
          <span class="pick">
            {canWrite() && (
              <input
                type="checkbox"
                aria-label={`Select ${id}`}
                checked={selected.has(id)}
                onChange={() => toggle(id)}
              />
            )}
            <a href={linkTo(["documents", collection, id])}>{id}</a>
          </span>
          <small class="start">{startOf(passages[0]?.content)}</small>
        </>
      ),
    },
    { head: "Metadata", cell: ({ metadata }) => <Metadata metadata={metadata} limit={4} /> },
    { head: "Passages", isNumeric: true, cell: ({ passages }) => formatCount(passages.length) },
    { head: "Changed", cell: ({ updated_at: updatedAt }) => <Moment iso={updatedAt} /> },
  ];
}

function startOf(content: string | null | undefined): string {
  const text = (content ?? "").slice(0, 400).replace(/\s+/g, " ").trim();
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}

function without(ids: ReadonlySet<string>, id: string): ReadonlySet<string> {
  return new Set([...ids].filter((one) => one !== id));
}
