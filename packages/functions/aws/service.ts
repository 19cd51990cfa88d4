import { createLog } from "@cairn/api/telemetry/log.ts";
import type { ReadFile } from "@cairn/files/to-json.ts";
import { composeService, type Service } from "../compose.ts";
import { openOnce } from "../open-once.ts";
import { readSettings } from "../settings.ts";
import { readConsoleFile } from "./console-files.ts";
import { createEmf, createEvaluationEmf } from "./emf.ts";
import { linkedResource } from "./linked-resource.ts";
import { openDatabase } from "./open-database.ts";
import { createSqsQueue } from "./sqs-queue.ts";

/** The service of this execution environment, opened by the first call. */
export const openService = openOnce(open);

async function open(): Promise<Service> {
  const settings = readSettings(linkedResource, process.env);
  const queue = createSqsQueue(settings.jobsQueueUrl);
  // Loaded while the database opens, so that it does not lengthen a cold start.
  const [database, { openChroma }] = await Promise.all([openDatabase(settings), import("./open-chroma.ts")]);
  return composeService(settings, {
    database,
    queue,
    log: createLog(),
    observers: [createEmf()],
    onEvaluation: createEvaluationEmf(),
    readFile,
    console: readConsoleFile,
    ...openChroma(settings, queue),
  });
}

/** Reads a file in this process: an execution environment serves one request at a time, and its memory and time are limited. */
const readFile: ReadFile = async (file) => {
  const [{ fileToJson }, { extract }] = await Promise.all([
    import("@cairn/files/to-json.ts"),
    import("@cairn/files/convert/extract.ts"),
  ]);
  return fileToJson(file, extract);
};
