/** One step of the migration's state machine. */
export { runMigrationStep as handler } from "../run-migration-step.ts";
