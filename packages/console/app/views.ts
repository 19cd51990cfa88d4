import { Overview } from "../views/overview/overview.tsx";
import type { View } from "./view.ts";

/** The views in the order of the navigation. The first one is shown after signing in, so it is part of the main file. */
export const VIEWS: readonly [View, ...View[]] = [
  { path: "overview", title: "Overview", audience: "any", load: async () => ({ default: Overview }) },
  {
    path: "playground",
    title: "Playground",
    audience: "tenant",
    load: () => import("../views/playground/playground.tsx"),
  },
  {
    path: "documents",
    title: "Documents",
    audience: "tenant",
    load: () => import("../views/documents/documents.tsx"),
  },
  {
    path: "migration",
    title: "Migration",
    audience: "operator",
    needs: "/v1/migrations",
    load: () => import("../views/migration/migration.tsx"),
  },
  {
    path: "cutover",
    title: "Cut-over",
    audience: "operator",
    needs: "/v1/cutover",
    load: () => import("../views/cutover/cutover.tsx"),
  },
  {
    path: "operations",
    title: "Operations",
    audience: "any",
    load: () => import("../views/operations/operations.tsx"),
  },
];
