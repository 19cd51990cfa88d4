import { type FilterDraft, readDraft, writeDraft } from "../../components/filter/condition.ts";

/** What the user searches for. It is the query of the page's address, so a search can be bookmarked and reloaded. */
export interface SearchSettings {
  readonly text: string;
  /** Null: the default collection. */
  readonly collection: string | null;
  readonly topK: number;
  readonly groupBy: "passage" | "document";
  readonly filter: FilterDraft;
}

export const TOP_K = [3, 5, 10, 25, 50] as const;

export const MODES = ["vector", "keyword", "hybrid"] as const;

export type Mode = (typeof MODES)[number];

export function readSettings(query: URLSearchParams): SearchSettings {
  const topK = Number(query.get("top_k"));
  return {
    text: query.get("q") ?? "",
    collection: query.get("collection"),
    topK: TOP_K.find((one) => one === topK) ?? 5,
    groupBy: query.get("group_by") === "document" ? "document" : "passage",
    filter: readDraft(query.get("filter")),
  };
}

export function writeSettings({ text, collection, topK, groupBy, filter }: SearchSettings): Record<string, string> {
  const draft = writeDraft(filter);
  return {
    q: text,
    ...(collection === null ? {} : { collection }),
    top_k: String(topK),
    ...(groupBy === "passage" ? {} : { group_by: groupBy }),
    ...(draft === undefined ? {} : { filter: draft }),
  };
}
