import { formatId } from "@cairn/core/report/format.ts";
import { html, type Piece } from "@cairn/core/report/markup.ts";
import { shorten } from "@cairn/core/report/visible.ts";
import { pathOf } from "../protocol/path.ts";
import type { CollectionReport } from "./report.ts";

/** The target as `Tenant / collection`. */
export function nameTarget({ tenantName, collection }: CollectionReport["target"]): Piece {
  return html`<bdi>${shorten(tenantName, 60)}</bdi> <span class="soft">/ <bdi>${shorten(collection, 60)}</bdi></span>`;
}

/**
 * Returns a function that names the target of a collection by its label: the source name, or its path. A name that several
 * source databases have, or that is not among the collections, is shown unchanged.
 */
export function nameBySource(collections: readonly CollectionReport[]): (source: string) => Piece {
  const targets = new Map<string, CollectionReport["target"] | null>();
  for (const { source, target } of collections) {
    targets.set(source.name, targets.has(source.name) ? null : target);
    targets.set(pathOf(source), target);
  }
  return (source) => {
    const target = targets.get(source);
    return target ? nameTarget(target) : formatId(source);
  };
}
