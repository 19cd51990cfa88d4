import { goTo, route } from "../../app/route.ts";
import { Button } from "../../components/button.tsx";
import { chooseCollection, useCollections } from "../../components/collection-choice.tsx";
import { Loading } from "../../components/loading.tsx";
import { Page } from "../../components/page.tsx";
import { Problem } from "../../components/problem.tsx";
import { Browse } from "./browse.tsx";
import { canWrite } from "./can-write.ts";
import { Reader } from "./reader.tsx";
import { Upload } from "./upload.tsx";

/** The documents of a collection, or one of them: `#/documents/COLLECTION/ID?passage=3`. */
export default function Documents() {
  const { path, query } = route.value;
  const [, name, id] = path;
  const { data: collections, error, reload } = useCollections();
  if (name !== undefined && id !== undefined)
    return <Reader key={`${name} ${id}`} collection={name} id={id} passage={passageOf(query)} />;
  const collection = collections && chooseCollection(collections, name ?? null);
  return (
    <Page
      title="Documents"
      lead="Read what is stored, add files, and change or delete what is wrong."
      actions={collection && canWrite() && <Button onClick={showUpload}>Add files</Button>}
    >
      {error !== undefined && <Problem error={error} retry={reload} />}
      {!collections && error === undefined && <Loading what="Collections" />}
      {collections?.length === 0 && (
        <>
          <p class="notice">
            There is no collection yet.{canWrite() && " The first upload creates the collection knowledge."}
          </p>
          {canWrite() && <Upload collection={undefined} onDone={reload} />}
        </>
      )}
      {collections && collections.length > 0 && !collection && <p class="notice">There is no collection “{name}”.</p>}
      {collections && collection && (
        <Browse
          key={collection.id}
          collections={collections}
          collection={collection.name}
          onChoose={(chosen) => goTo(["documents", chosen])}
        />
      )}
    </Page>
  );
}

/** The upload is below the list. */
function showUpload(): void {
  const upload = document.querySelector<HTMLElement>(".drop button");
  upload?.scrollIntoView({ block: "center" });
  upload?.focus({ preventScroll: true });
}

/** The number of the passage to show, from 0. Undefined: the address names none. */
function passageOf(query: URLSearchParams): number | undefined {
  const text = query.get("passage");
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
