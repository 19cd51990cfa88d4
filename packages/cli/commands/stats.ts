import { collectionStats } from "@cairn/core/maintenance/stats.ts";
import { listTenants } from "@cairn/core/tenant/tenant.ts";
import type { Command } from "commander";
import { chooseTenant, withServices } from "../open.ts";
import type { Surroundings } from "../surroundings.ts";
import { bytes, printJson, printTable } from "../terminal/print.ts";
import { withTenant } from "./collections.ts";

export function addStats(program: Command, _: Surroundings): void {
  withTenant(
    program.command("stats").description("what every collection holds (of one tenant, or of all)"),
  ).action((flags: { readonly tenant?: string }, command: Command) =>
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
      printTable(
        all.map(({ tenant, collection, documents, passages, vectors, size, model, dimensions, metric }) => ({
          tenant,
          collection,
          documents,
          passages,
          vectors,
          size: bytes(size),
          model: model ?? "unknown",
          dimensions,
          metric,
        })),
      );
      if (all.length === 0) console.log("There is no collection yet.");
    }),
  );
}
