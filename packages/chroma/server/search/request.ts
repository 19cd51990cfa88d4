import { undeserializable } from "../error.ts";
import type { Body } from "../request/body.ts";
import {
  isObject,
  missingField,
  optionalCount,
  optionalObject,
  optionalStrings,
  wrongType,
} from "../request/fields.ts";
import { parseRank, type Rank } from "./rank.ts";

/** One search of a request. */
export interface Search {
  readonly where: unknown;
  readonly ids: readonly string[] | undefined;
  /** Undefined: the records in insertion order, without scores. */
  readonly rank: Rank | undefined;
  readonly limit: number | undefined;
  readonly offset: number;
  /** Fields to return: `#document`, `#metadata`, `#score`, `#embedding`, or keys of metadata. */
  readonly keys: readonly string[];
}

const MAX_SEARCHES = 100;

/** Parses the searches of a request. */
export function parseSearches(body: Body): readonly Search[] {
  const { searches } = body;
  if (searches === undefined) throw missingField("searches");
  if (!Array.isArray(searches)) throw wrongType("searches", searches, "a sequence");
  if (searches.length > MAX_SEARCHES)
    throw undeserializable("searches", `a request has at most ${MAX_SEARCHES} searches`);
  return searches.map((search, index) => parseSearch(search, `searches[${index}]`));
}

function parseSearch(value: unknown, path: string): Search {
  if (!isObject(value)) throw wrongType(path, value, "a map");
  const { ids, where } = parseFilter(optionalObject(value, "filter"));
  const limit = optionalObject(value, "limit") ?? {};
  const rank = value.rank ?? undefined;
  const isRanked = isObject(rank) ? Object.keys(rank).length > 0 : rank !== undefined;
  if (isObject(value.group_by) && Object.keys(value.group_by).length > 0)
    throw undeserializable(`${path}.group_by`, "grouping is not supported");
  return {
    ids,
    where,
    rank: isRanked ? parseRank(rank, `${path}.rank`) : undefined,
    limit: optionalCount(limit, "limit"),
    offset: optionalCount(limit, "offset") ?? 0,
    keys: optionalStrings(optionalObject(value, "select") ?? {}, "keys") ?? [],
  };
}

/** A filter is a condition on metadata with `#id` among its keys, or has `query_ids` and `where_clause`. */
function parseFilter(filter: Body | undefined): Pick<Search, "ids" | "where"> {
  if (!filter || Object.keys(filter).length === 0) return { ids: undefined, where: undefined };
  if ("query_ids" in filter || "where_clause" in filter)
    return { ids: optionalStrings(filter, "query_ids"), where: filter.where_clause ?? undefined };
  return { ids: undefined, where: filter };
}
