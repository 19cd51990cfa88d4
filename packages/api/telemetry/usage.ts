import type { UsageBuffer } from "@cairn/core/usage/buffer.ts";
import type { Observer } from "./record.ts";

/** An observer that counts the requests of each tenant, refused ones included. Requests without a tenant are not counted. */
export function countRequests(usage: UsageBuffer | undefined): Observer | undefined {
  return (
    usage &&
    (({ tenant: tenantId }) => {
      if (tenantId !== null) usage.count({ tenantId, kind: "requests", n: 1 });
    })
  );
}
