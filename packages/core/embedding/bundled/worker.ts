import { parentPort } from "node:worker_threads";
import { type EmbedTexts, loadModel } from "./model.ts";

/** A request to the worker. */
export interface WorkerRequest {
  readonly texts: readonly string[];
}

/** The vectors of a request, one after the other, or why there are none. */
export type WorkerReply =
  | { readonly vectors: Float32Array }
  | { readonly error: "missing" | "changed" | "failed"; readonly message: string };

let embedTexts: EmbedTexts | undefined;

parentPort?.on("message", async ({ texts }: WorkerRequest) => {
  try {
    embedTexts ??= await loadModel();
    const vectors = await embedTexts(texts);
    parentPort?.postMessage({ vectors } satisfies WorkerReply, [vectors.buffer as ArrayBuffer]);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const kind = code === "MODULE_NOT_FOUND" ? "missing" : code === "CHANGED" ? "changed" : "failed";
    parentPort?.postMessage({ error: kind, message } satisfies WorkerReply);
  }
});
