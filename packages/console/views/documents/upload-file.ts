import type { Problem } from "@cairn/api/problem.ts";
import { CairnError } from "@cairn/client/client.ts";
import { send } from "../../request/client.ts";
import { readEvents } from "../../request/event-stream.ts";

/** What was written. */
export interface Ingested {
  readonly documents: number;
  readonly passages: number;
  readonly failed: readonly { readonly id: string; readonly message: string }[];
}

interface UploadFileOptions {
  /** Undefined: the default collection. */
  readonly collection: string | undefined;
  readonly signal: AbortSignal;
  /** Called while a job ingests the file, with the part that is done, from 0 to 1. */
  readonly onProgress: (progress: number | undefined) => void;
}

interface Job {
  readonly id: string;
  readonly status: "in_progress" | "completed" | "failed" | "cancelled";
  readonly counts: { readonly total?: number; readonly position?: number };
  readonly result: Ingested | null;
  readonly last_error: { readonly message: string } | null;
}

/** Uploads a file and waits until its documents are written, also if a job writes them. Throws `CairnError`. */
export async function uploadFile(file: File, options: UploadFileOptions): Promise<Ingested> {
  const { collection, signal } = options;
  const body = new FormData();
  body.append("file", file);
  if (collection !== undefined) body.append("collection", collection);
  const response = await send("/v1/files", { as: "tenant", method: "POST", body, signal });
  if (!response.ok) throw new CairnError((await response.json()) as Problem);
  if (response.status === 202) return followJob(((await response.json()) as Job).id, options);
  const { ids, passages, failed } = (await response.json()) as Ingested & { readonly ids: readonly string[] };
  return { documents: ids.length, passages, failed };
}

/** Follows the events of a job to its end. A stream that ends before the job is opened again. */
async function followJob(id: string, { signal, onProgress }: UploadFileOptions): Promise<Ingested> {
  onProgress(undefined);
  while (true) {
    const response = await send(`/v1/jobs/${id}/events`, { as: "tenant", signal });
    for await (const { event, data } of readEvents(response)) {
      if (event !== "job") continue;
      const { status, counts, result, last_error: error } = JSON.parse(data) as Job;
      if (status === "completed" && result) return result;
      if (status !== "in_progress") throw new Error(error?.message ?? "The job was cancelled.");
      onProgress(counts.total ? (counts.position ?? 0) / counts.total : undefined);
    }
  }
}
