import { type Client, read } from "@cairn/client/client.ts";
import type { InferResponseType } from "hono/client";
import { tenantClient } from "../../request/client.ts";
import { useRequest } from "../../request/use-request.ts";
import type { MetadataType } from "./condition.ts";

export type MetadataKey = Extract<
  InferResponseType<Client["v1"]["collections"][":collection"]["metadata"]["$get"]>,
  { readonly keys: unknown }
>["keys"][number];

export interface MetadataKeys {
  /** Undefined: not yet known. */
  readonly keys: readonly MetadataKey[] | undefined;
  readonly error: unknown;
  /** Types of the values of a key. None: the key is unknown. */
  readonly typesOf: (key: string) => readonly MetadataType[];
}

/** The metadata keys of a collection. */
export function useMetadataKeys(collection: string | undefined): MetadataKeys {
  const { data, error } = useRequest(async () => {
    if (collection === undefined) return undefined;
    return read(tenantClient().v1.collections[":collection"].metadata.$get({ param: { collection }, query: {} }));
  }, [collection]);
  const typesOf = (key: string) => data?.keys.find((known) => known.key === key)?.types ?? [];
  return { keys: data?.keys, error, typesOf };
}
