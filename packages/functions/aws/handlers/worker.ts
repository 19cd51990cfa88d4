/** The worker of the job queue. */
export { processBatch as handler } from "../process-batch.ts";
