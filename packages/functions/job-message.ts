import type { JobAddress } from "@cairn/core/job/job.ts";
import * as z from "zod";

const address = z.object({ tenantId: z.uuid().nullable(), id: z.uuid() });

/** The job address in a message, which is an object or its JSON. Throws if the message is not a job's address. */
export function readMessage(message: unknown): JobAddress {
  return address.parse(typeof message === "string" ? JSON.parse(message) : message);
}
