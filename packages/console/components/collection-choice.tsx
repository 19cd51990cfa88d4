import { type Client, read } from "@cairn/client/client.ts";
import type { InferResponseType } from "hono/client";
import { tenantClient } from "../request/client.ts";
import { type RequestState, useRequest } from "../request/use-request.ts";
import { Field } from "./field.tsx";

export type Collection = Extract<
  InferResponseType<Client["v1"]["collections"]["$get"]>,
  { readonly collections: unknown }
>["collections"][number];

/** The collections that can be chosen: those that another one has replaced are left out. */
export function useCollections(): RequestState<readonly Collection[]> {
  return useRequest(async () => {
    const { collections } = await read(tenantClient().v1.collections.$get({ query: {} }));
    return collections.filter(({ replaced_by: replacedBy }) => replacedBy === null);
  }, []);
}

/** The collection with this name. Default: the default collection, or the first one. */
export function chooseCollection(all: readonly Collection[], name: string | null): Collection | undefined {
  return all.find((one) => one.name === (name ?? "knowledge")) ?? (name === null ? all[0] : undefined);
}

interface CollectionChoiceProps {
  readonly collections: readonly Collection[];
  readonly value: string;
  readonly onChange: (name: string) => void;
}

export function CollectionChoice({ collections, value, onChange }: CollectionChoiceProps) {
  return (
    <Field label="Collection">
      {(props) => (
        <select {...props} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
          {collections.map(({ id, name }) => (
            <option key={id} value={name}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
