import { useState } from "preact/hooks";
import { goTo, linkTo, route } from "../../app/route.ts";
import { type Collection, chooseCollection, useCollections } from "../../components/collection-choice.tsx";
import { toFilter } from "../../components/filter/condition.ts";
import { type MetadataKeys, useMetadataKeys } from "../../components/filter/metadata-keys.ts";
import { Loading } from "../../components/loading.tsx";
import { Page } from "../../components/page.tsx";
import { Problem } from "../../components/problem.tsx";
import { Chat } from "./chat.tsx";
import { Code } from "./code.tsx";
import { Comparison } from "./comparison.tsx";
import { SearchForm } from "./search-form.tsx";
import { toRequest } from "./search-request.ts";
import { MODES, readSettings, type SearchSettings, writeSettings } from "./search-settings.ts";
import { useComparison } from "./use-comparison.ts";

/** Tries a search in every mode, and the chat. */
export default function Playground() {
  const { data: collections, error, reload } = useCollections();
  const settings = readSettings(route.value.query);
  const collection = collections && chooseCollection(collections, settings.collection);
  const metadata = useMetadataKeys(collection?.name);
  return (
    <Page title="Playground" lead="Ask once, and compare what vector, keyword and hybrid search find.">
      {error !== undefined && <Problem error={error} retry={reload} />}
      {!collections && error === undefined && <Loading what="Collections" />}
      {collections?.length === 0 && (
        <p class="notice">There is no collection yet. The first documents that are added create one.</p>
      )}
      {collections && collections.length > 0 && !collection && (
        <p class="notice">There is no collection “{settings.collection}”.</p>
      )}
      {collections && collection && (
        <Workbench collections={collections} collection={collection} metadata={metadata} settings={settings} />
      )}
    </Page>
  );
}

interface WorkbenchProps {
  readonly collections: readonly Collection[];
  readonly collection: Collection;
  readonly metadata: MetadataKeys;
  readonly settings: SearchSettings;
}

function Workbench({ collections, collection, metadata, settings }: WorkbenchProps) {
  const [run, setRun] = useState(0);
  // The types of the keys decide how a value is sent, so a search with a filter waits for them once.
  const isReady =
    settings.text.trim() !== "" && (settings.filter.conditions.length === 0 || metadata.keys !== undefined);
  const filter = toFilter(settings.filter, metadata.typesOf);
  const requests = isReady
    ? MODES.map((mode) => toRequest(settings, { mode, collection: collection.name, filter }))
    : [];
  const outcomes = useComparison(requests, run);
  const search = (changed: SearchSettings) => {
    const address = linkTo(["playground"], writeSettings(changed));
    if (address === linkTo(["playground"], writeSettings(settings))) setRun(run + 1);
    else goTo(["playground"], writeSettings(changed), settings.text === changed.text);
  };
  return (
    <>
      <SearchForm
        key={collection.id}
        collections={collections}
        collection={collection}
        metadata={metadata}
        settings={settings}
        isBusy={outcomes.some(({ hits, error }) => !hits && error === undefined)}
        onSearch={search}
      />
      {settings.text === "" && (
        <p class="soft hint">
          The hits of each mode appear here next to each other, with their scores, ranks and plans.
        </p>
      )}
      {outcomes.length > 0 && <Comparison outcomes={outcomes} text={settings.text} collection={collection} />}
      {requests.length > 0 && <Code requests={requests} />}
      <Chat collection={collection.name} filter={filter} />
    </>
  );
}
