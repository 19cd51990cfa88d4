/** Kind of the jobs that run a question set. */
export const EVALUATE_JOB = "evaluate";
