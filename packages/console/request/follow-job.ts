import { type Client, read } from "@cairn/client/client.ts";
import type { InferResponseType } from "hono/client";
import { type SendAs, send, tenantOrOwnClient } from "./client.ts";

/** Work that continues after the request that started it is answered. */
export type Job = Extract<InferResponseType<Client["v1"]["jobs"][":job"]["$get"]>, { readonly kind: string }>;

export interface FollowOptions {
  /** Called with the job after each change. */
  readonly onChange: (job: Job) => void;
  readonly signal: AbortSignal;
  /** Whose job it is. Default: the tenant's. */
  readonly as?: SendAs;
}

/** Milliseconds until the job is requested again after its stream ended early. */
const RECONNECT_MS = 1_000;

/** Follows a job by its event stream until it ends, and returns it. A stream that ends early is opened again. */
export async function followJob(id: string, { onChange, signal, as = "tenant" }: FollowOptions): Promise<Job> {
  for (;;) {
    const response = await send(`/v1/jobs/${id}/events`, { as, signal });
    for await (const { event, data } of readEvents(response)) if (event === "job") onChange(JSON.parse(data) as Job);
    // The stream may have ended for another reason than the job, so the job itself decides.
    const job: Job = await read(tenantOrOwnClient(as).v1.jobs[":job"].$get({ param: { job: id } }));
    onChange(job);
    if (job.status !== "in_progress") return job;
    await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    signal.throwIfAborted();
  }
}

/** The events of a response of server-sent events. A response that is an error has none. */
export async function* readEvents(
  response: Response,
): AsyncGenerator<{ readonly event: string; readonly data: string }, void> {
  if (!response.ok || !response.body) return;
  let text = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + piece).split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n");
      const valuesOf = (name: string) =>
        lines
          .filter((line) => line.startsWith(`${name}:`))
          .map((line) => line.slice(name.length + 1).replace(/^ /, ""));
      yield { event: valuesOf("event")[0] ?? "message", data: valuesOf("data").join("\n") };
    }
  }
}
