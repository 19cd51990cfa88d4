import { createRoute, z } from "@hono/zod-openapi";
import { requireScope, tenantOf } from "../auth/require.ts";
import { createRouter, jsonResponse, problems, reply, secured } from "../openapi.ts";
import { collectionFigures } from "../schema/overview.ts";

const statsSchema = z
  .object({
    collection: z.string(),
    ...collectionFigures,
    bytes: z.int(),
    indexes: z.array(
      z.object({
        name: z.string(),
        kind: z.enum(["vector", "keyword", "tail"]),
        state: z.string(),
        rows: z.int(),
        bytes: z.int(),
        scans: z.int(),
      }),
    ),
    due: z
      .object({ action: z.string(), reason: z.string().optional() })
      .describe("What a reindex would do, and the reason."),
  })
  .openapi("CollectionStats");

const get = createRoute({
  method: "get",
  path: "/v1/stats",
  operationId: "getStats",
  summary: "Get the statistics of collections",
  description: "Returns for each collection of the tenant its size, its indexes and pending index work.",
  ...secured("Collections", requireScope("admin")),
  responses: {
    200: jsonResponse(z.object({ collections: z.array(statsSchema) }), "The statistics of each collection."),
    ...problems(),
  },
});

export const stats = createRouter().openapi(get, async (c) => {
  const { collectionStats } = await import("@cairn/core/maintenance/stats.ts"); // rarely requested
  const all = await collectionStats(c.var.services.database, tenantOf(c));
  return reply(c, {
    collections: all.map(({ size, deadRows: _, latency, indexes, due, ...rest }) => ({
      ...rest, // dead rows are a figure of the partition, which other tenants share
      bytes: size,
      due: { action: due.action, ...("reason" in due ? { reason: due.reason } : {}) },
      indexes: indexes.map((index) => {
        const { name, kind, state, rows, size: bytes, scans } = index;
        return { name, kind, state, rows, bytes, scans };
      }),
      latency: latency && { searches: latency.searches, p50_ms: latency.p50, p95_ms: latency.p95 },
    })),
  });
});
