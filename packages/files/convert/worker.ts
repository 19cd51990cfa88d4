import { parentPort, workerData } from "node:worker_threads";
import { fileToJson } from "../to-json.ts";
import { extract } from "./extract.ts";
import type { Task } from "./thread.ts";

parentPort?.postMessage(await run(workerData as Task));

async function run({ conversion, file }: Task) {
  if (conversion) return extract(conversion);
  try {
    return await fileToJson(file, extract);
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    if (code === "invalid_input") return { message };
    throw error;
  }
}
