import { Worker } from "node:worker_threads";
import type { WorkerReply, WorkerRequest } from "./worker.ts";

interface Pending {
  readonly resolve: (vectors: Float32Array) => void;
  readonly reject: (error: Error) => void;
}

/** Embeds texts in a thread. The process can end while the thread is idle. */
export interface EmbeddingThread {
  embed(texts: readonly string[]): Promise<Float32Array>;
}

/** Starts the thread with the first texts, and again if it has ended. */
export function createEmbeddingThread(): EmbeddingThread {
  const pending = new Map<number, Pending>();
  let worker: Worker | undefined;
  let lastId = 0;
  const end = (error: Error) => {
    worker = undefined;
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
  };
  const start = (): Worker => {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js"; // compiled in the published package
    const started = new Worker(new URL(`./worker.${extension}`, import.meta.url), { execArgv: [] });
    started.on("message", (reply: WorkerReply) => {
      const request = pending.get(reply.id);
      pending.delete(reply.id);
      if (pending.size === 0) started.unref();
      if ("vectors" in reply) request?.resolve(reply.vectors);
      else request?.reject(new Error(reply.error));
    });
    started.on("error", (error) => end(error instanceof Error ? error : new Error(String(error))));
    started.on("exit", () => {
      if (worker === started) end(new Error("The thread of the model has ended."));
    });
    return started;
  };
  return {
    embed(texts) {
      worker ??= start();
      worker.ref();
      const id = ++lastId;
      worker.postMessage({ id, texts } satisfies WorkerRequest);
      return new Promise((resolve, reject) => pending.set(id, { resolve, reject }));
    },
  };
}
