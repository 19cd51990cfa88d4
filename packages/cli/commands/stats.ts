import { type CollectionStats, collectionStats } from "@cairn/core/maintenance/stats.ts";
import { listTenants } from "@cairn/core/tenant/tenant.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { chooseTenant, withServices } from "../open.ts";
import { addTenantCommand } from "../options/tenant-option.ts";
import { count } from "../terminal/counts.ts";
import { bytes, printJson, printTable } from "../terminal/print.ts";

/** Describes the vector indexes: `hnsw halfvec, 391 MB, 120 scans`, or `none: exact`. */
function describeIndexes({ indexes }: CollectionStats): string {
  const validIndexes = indexes.filter(({ kind, state }) => kind === "vector" && state === "valid");
  if (validIndexes.length === 0) return "none: exact";
  const kinds = new Set(validIndexes.map(({ settings: { type, precision } }) => `${type} ${precision}`));
  const size = indexes.reduce((sum, index) => sum + index.size, 0);
  const scans = validIndexes.reduce((sum, index) => sum + index.scans, 0);
  return `${validIndexes.length > 1 ? `${validIndexes.length} × ` : ""}${[...kinds].join(" and ")}, ${bytes(size)}, ${count(scans, "scan")}`;
}

function toRow(stats: CollectionStats & { readonly tenant: string }) {
  const { tenant, collection, documents, passages, vectors, dimensions, metric, tail, deadRows } = stats;
  const size = { size: bytes(stats.size), model: stats.model ?? "unknown" };
  const index = describeIndexes(stats);
  return {
    tenant,
    collection,
    documents,
    passages,
    vectors,
    ...size,
    dimensions,
    metric,
    index,
    tail,
    dead: deadRows,
  };
}

export function addStats(program: Command, _: CommandContext): void {
  const description = "Show statistics of the collections of one tenant or of all tenants";
  addTenantCommand(program, "stats", { description }).action((flags: { readonly tenant?: string }, command: Command) =>
    withServices(command, async (services, { json }) => {
      const tenants =
        flags.tenant === undefined
          ? await listTenants(services.database)
          : [await chooseTenant(services, flags.tenant)];
      const all = [];
      for (const tenant of tenants)
        for (const stats of await collectionStats(services.database, tenant.id))
          all.push({ tenant: tenant.name, ...stats });
      if (json) return printJson({ collections: all });
      printTable(all.map(toRow));
      for (const { tenant, collection, due } of all)
        if (due.action !== "none")
          console.log(`${tenant}/${collection}: cairn reindex is pending, to ${due.action}: ${due.reason}.`);
        else if (due.reason) console.log(`${tenant}/${collection}: the index could not be built: ${due.reason}`);
      if (all.length === 0) console.log("There is no collection yet.");
    }),
  );
}
