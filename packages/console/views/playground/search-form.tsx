import { useState } from "preact/hooks";
import { Button } from "../../components/button.tsx";
import { type Collection, CollectionChoice } from "../../components/collection-choice.tsx";
import { Field } from "../../components/field.tsx";
import { NO_FILTER } from "../../components/filter/condition.ts";
import { FilterBuilder } from "../../components/filter/filter-builder.tsx";
import type { MetadataKeys } from "../../components/filter/metadata-keys.ts";
import { Problem } from "../../components/problem.tsx";
import { type SearchSettings, TOP_K } from "./search-settings.ts";

interface SearchFormProps {
  readonly collections: readonly Collection[];
  readonly collection: Collection;
  readonly metadata: MetadataKeys;
  readonly settings: SearchSettings;
  readonly isBusy: boolean;
  /** Searches with these settings, at once. */
  readonly onSearch: (settings: SearchSettings) => void;
}

/** The query and its options. A changed option searches again if there is a query. */
export function SearchForm({ collections, collection, metadata, settings, isBusy, onSearch }: SearchFormProps) {
  const [text, setText] = useState(settings.text);
  const [filter, setFilter] = useState(settings.filter);
  const search = (changes: Partial<SearchSettings> = {}) =>
    onSearch({ ...settings, collection: collection.name, filter, text: text.trim(), ...changes });
  const submit = (event: Event) => {
    event.preventDefault();
    if (text.trim() !== "") search();
  };
  return (
    <form class="search" aria-label="Search" onSubmit={submit}>
      <div class="search-text">
        <label class="sr" for="query">
          Query
        </label>
        <input
          id="query"
          type="search"
          required
          autoComplete="off"
          placeholder="A question, or words that occur in the text"
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
        <Button isPrimary isBusy={isBusy}>
          Search
        </Button>
      </div>
      <div class="search-options">
        <CollectionChoice
          collections={collections}
          value={collection.name}
          onChange={(name) => search({ collection: name, filter: NO_FILTER })}
        />
        <Field label="Hits per mode">
          {(props) => (
            <select
              {...props}
              value={settings.topK}
              onChange={({ currentTarget }) => search({ topK: Number(currentTarget.value) })}
            >
              {TOP_K.map((count) => (
                <option key={count} value={count}>
                  {count}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Group by">
          {(props) => (
            <select
              {...props}
              value={settings.groupBy}
              onChange={({ currentTarget }) =>
                search({ groupBy: currentTarget.value === "document" ? "document" : "passage" })
              }
            >
              <option value="passage">passage: every match</option>
              <option value="document">document: its best passage</option>
            </select>
          )}
        </Field>
      </div>
      {metadata.error !== undefined && <Problem error={metadata.error} />}
      <FilterBuilder draft={filter} metadata={metadata} onChange={setFilter} />
    </form>
  );
}
