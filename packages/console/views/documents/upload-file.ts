import type { Problem } from "@cairn/api/problem.ts";
import { CairnError } from "@cairn/client/client.ts";
import { send } from "../../request/client.ts";
import { followJob, type Job } from "../../request/follow-job.ts";

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

/** Uploads a file and waits until its documents are written, also if a job writes them. Throws `CairnError`. */
export async function uploadFile(file: File, options: UploadFileOptions): Promise<Ingested> {
  const { collection, signal } = options;
  const body = new FormData();
  body.append("file", file);
  if (collection !== undefined) body.append("collection", collection);
  const response = await send("/v1/files", { as: "tenant", method: "POST", body, signal });
  if (!response.ok) throw new CairnError((await response.json()) as Problem);
  if (response.status === 202) return awaitJob(((await response.json()) as Job).id, options);
  const { ids, passages, failed } = (await response.json()) as Ingested & { readonly ids: readonly string[] };
  return { documents: ids.length, passages, failed };
}

/** Waits for the job that ingests a file. */
async function awaitJob(id: string, { signal, onProgress }: UploadFileOptions): Promise<Ingested> {
  onProgress(undefined);
  const onChange = ({ counts: { total, position = 0 } }: Job) => onProgress(total ? position / total : undefined);
  const { status, result, last_error: error } = await followJob(id, { signal, onChange });
  if (status === "completed" && result) return result as unknown as Ingested;
  throw new Error(error?.message ?? "The job was cancelled.");
}
