import { Worker } from "node:worker_threads";
import type { WorkerReply, WorkerRequest } from "./worker.ts";

export interface EmbeddingRequest {
  readonly texts: readonly string[];
  /** Whether it goes first: someone waits for a single text, such as a query. */
  readonly isShort: boolean;
}

interface Pending extends EmbeddingRequest {
  readonly resolve: (reply: WorkerReply) => void;
}

/** Embeds texts in a thread, one request after the other. The process can end while the thread is idle. */
export interface EmbeddingThread {
  embed(request: EmbeddingRequest): Promise<WorkerReply>;
}

/** Starts the thread with the first texts, and again after it has ended or could not load the model. */
export function createEmbeddingThread(): EmbeddingThread {
  const queue: Pending[] = [];
  let worker: Worker | undefined;
  let current: Pending | undefined;

  const start = (): Worker => {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js"; // compiled in the published package
    const started = new Worker(new URL(`./worker.${extension}`, import.meta.url), { execArgv: [] });
    started.on("message", (reply: WorkerReply) => {
      if ("error" in reply) stop(started); // what it has loaded, or failed to load, is not kept
      answer(reply);
    });
    const fail = (message: string) => {
      if (worker !== started) return;
      worker = undefined;
      answer({ error: "failed", message });
    };
    started.on("error", (error) => fail(error instanceof Error ? error.message : String(error)));
    started.on("exit", () => fail("The thread has ended."));
    return started;
  };

  const stop = (stopped: Worker) => {
    if (worker === stopped) worker = undefined;
    void stopped.terminate();
  };

  const answer = (reply: WorkerReply) => {
    current?.resolve(reply);
    current = undefined;
    next();
  };

  const next = () => {
    if (current) return;
    const index = Math.max(
      0,
      queue.findIndex(({ isShort }) => isShort),
    );
    [current] = queue.splice(index, 1);
    if (!current) return void worker?.unref();
    worker ??= start();
    worker.ref();
    worker.postMessage({ texts: current.texts } satisfies WorkerRequest);
  };

  return {
    embed: (request) =>
      new Promise((resolve) => {
        queue.push({ ...request, resolve });
        next();
      }),
  };
}
