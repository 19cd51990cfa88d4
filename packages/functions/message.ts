import type { JobAddress } from "@cairn/core/job/job.ts";
import * as z from "zod";

const address = z.object({ tenantId: z.uuid().nullable(), id: z.uuid() });

/** The job that a message names: an object, or its JSON. Throws for what is no job's address. */
export function readMessage(message: unknown): JobAddress {
  return address.parse(typeof message === "string" ? JSON.parse(message) : message);
}
