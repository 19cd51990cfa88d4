import { stringifyValue } from "../../components/stringify-value.ts";
import type { Document } from "./document.ts";

/** The metadata and the URI of a document. Only an http address becomes a link. */
export function Properties({ document: { metadata, uri } }: { readonly document: Document }) {
  const entries = Object.entries(metadata);
  return (
    <dl class="properties">
      {uri !== null && (
        <div>
          <dt>URI</dt>
          <dd>
            {/^https?:\/\//i.test(uri) ? (
              <a href={uri} rel="noreferrer noopener" target="_blank">
                {uri}
              </a>
            ) : (
              uri
            )}
          </dd>
        </div>
      )}
      {entries.map(([key, value]) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>{typeof value === "string" ? value : <code>{stringifyValue(value)}</code>}</dd>
        </div>
      ))}
      {entries.length === 0 && <p class="soft">It has no metadata.</p>}
    </dl>
  );
}
