/** The scheduled maintenance. */
export { runMaintenance as handler } from "../run-maintenance.ts";
