import { stringifyValue } from "./stringify-value.ts";

interface MetadataProps {
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Maximum keys. The others are counted. Default: all. */
  readonly limit?: number;
}

/** Metadata as a list of keys and values. */
export function Metadata({ metadata, limit = Number.POSITIVE_INFINITY }: MetadataProps) {
  const entries = Object.entries(metadata);
  if (entries.length === 0) return null;
  const more = entries.length - limit;
  return (
    <ul class="metadata">
      {entries.slice(0, limit).map(([key, value]) => (
        <li key={key}>
          <span class="key">{key}</span> {shorten(showValue(value))}
        </li>
      ))}
      {more > 0 && <li>{more} more</li>}
    </ul>
  );
}

/** A text without quotes, a list of texts and numbers with commas, everything else as JSON. */
function showValue(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item !== "object"))
    return value.map(String).join(", ");
  return stringifyValue(value);
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
