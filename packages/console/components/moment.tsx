import { formatAgo, formatMoment } from "./format.ts";

/** A time relative to now, with the exact time as its title. `none` is shown if there is no time. */
export function Moment({ iso, none = "never" }: { readonly iso: string | null; readonly none?: string }) {
  if (iso === null) return <span class="soft">{none}</span>;
  return (
    <time dateTime={iso} title={formatMoment(iso)}>
      {formatAgo(iso)}
    </time>
  );
}
