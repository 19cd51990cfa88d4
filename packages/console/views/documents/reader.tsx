import { useEffect, useState } from "preact/hooks";
import { goTo, linkTo } from "../../app/route.ts";
import { Button } from "../../components/button.tsx";
import { countOf } from "../../components/format.ts";
import { Loading } from "../../components/loading.tsx";
import { Moment } from "../../components/moment.tsx";
import { Page } from "../../components/page.tsx";
import { Problem } from "../../components/problem.tsx";
import { Section } from "../../components/section.tsx";
import { useRequest } from "../../request/use-request.ts";
import { canWrite } from "./can-write.ts";
import { DeleteDocuments } from "./delete-documents.tsx";
import { type Document, PASSAGES_PER_READ, type Passage, readDocument } from "./document.ts";
import { EditDocument } from "./edit-document.tsx";
import { Properties } from "./properties.tsx";
import { WholeText } from "./whole-text.tsx";

interface ReaderProps {
  readonly collection: string;
  readonly id: string;
  /** The passage to show, from 0. */
  readonly passage: number | undefined;
}

/** A document as a whole, with its metadata and the boundaries of its passages. */
export function Reader({ collection, id, passage }: ReaderProps) {
  const start = Math.max(0, (passage ?? 0) - ((passage ?? 0) % PASSAGES_PER_READ));
  const [from, setFrom] = useState(start);
  const { data, error, isLoading, reload } = useRequest(() => readDocument(collection, id, from), [from]);
  const [dialog, setDialog] = useState<"edit" | "delete">();
  const close = () => setDialog(undefined);
  const back = linkTo(["documents", collection]);
  const actions = data && canWrite() && (
    <>
      <Button onClick={() => setDialog("edit")}>Edit metadata</Button>
      <Button isDangerous onClick={() => setDialog("delete")}>
        Delete …
      </Button>
    </>
  );
  return (
    <>
      <p class="back">
        <a href={back}>{collection}</a>
      </p>
      <Page title={id} actions={actions}>
        {error !== undefined && <Problem error={error} retry={reload} />}
        {isLoading && !data && <Loading what="The document" />}
        {data && (
          <Section title="Properties" note={<Dates document={data} />}>
            <Properties document={data} />
          </Section>
        )}
        {data && <Text document={data} passage={passage} from={from} onMove={setFrom} collection={collection} />}
      </Page>
      {data && dialog === "edit" && (
        <EditDocument collection={collection} document={data} onClose={close} onSaved={reload} />
      )}
      {dialog === "delete" && (
        <DeleteDocuments
          collection={collection}
          ids={[id]}
          onClose={close}
          onDeleted={() => goTo(["documents", collection])}
        />
      )}
    </>
  );
}

function Dates({ document }: { readonly document: Document }) {
  return (
    <>
      Added <Moment iso={document.created_at} />, changed <Moment iso={document.updated_at} />.
    </>
  );
}

interface TextProps {
  readonly document: Document;
  readonly collection: string;
  readonly passage: number | undefined;
  /** The first passage that was read. */
  readonly from: number;
  readonly onMove: (from: number) => void;
}

function Text({ document: { id, passages }, collection, passage, from, onMove }: TextProps) {
  useEffect(() => {
    if (passage !== undefined) document.getElementById(`p${passage}`)?.scrollIntoView({ block: "center" });
  }, [passage, passages]);
  const isPart = from > 0 || passages.length === PASSAGES_PER_READ;
  return (
    <Section title="Text" note={describe(passages, isPart)}>
      <WholeText collection={collection} id={id} passages={passages} selected={passage} />
      {isPart && (
        <div class="actions">
          <Button isDisabled={from === 0} onClick={() => onMove(Math.max(0, from - PASSAGES_PER_READ))}>
            Previous passages
          </Button>
          <Button isDisabled={passages.length < PASSAGES_PER_READ} onClick={() => onMove(from + PASSAGES_PER_READ)}>
            Next passages
          </Button>
        </div>
      )}
    </Section>
  );
}

function describe(passages: readonly Passage[], isPart: boolean): string {
  const [first, last] = [passages[0], passages.at(-1)];
  const range = isPart && first && last ? `Passages ${first.chunk + 1} to ${last.chunk + 1}.` : "";
  const count = isPart ? range : `${countOf(passages.length, "passage")}.`;
  const missing = passages.filter(({ embedded }) => !embedded).length;
  const overlap = passages.length > 1 ? " Text that two passages share is shaded." : "";
  return `${count}${overlap}${missing > 0 ? ` ${countOf(missing, "passage has", "passages have")} no vector.` : ""}`;
}
