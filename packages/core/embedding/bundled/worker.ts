import { parentPort } from "node:worker_threads";
import { type EmbedTexts, loadModel } from "./model.ts";

/** A request to the worker. */
export interface WorkerRequest {
  readonly id: number;
  readonly texts: readonly string[];
}

/** The vectors of a request, one after the other, or why there are none. */
export type WorkerReply = { readonly id: number } & ({ readonly vectors: Float32Array } | { readonly error: string });

let model: Promise<EmbedTexts> | undefined;

parentPort?.on("message", async ({ id, texts }: WorkerRequest) => {
  try {
    model ??= loadModel();
    const vectors = await (await model)(texts);
    parentPort?.postMessage({ id, vectors } satisfies WorkerReply, [vectors.buffer as ArrayBuffer]);
  } catch (error) {
    model = undefined;
    parentPort?.postMessage({
      id,
      error: error instanceof Error ? error.message : String(error),
    } satisfies WorkerReply);
  }
});
