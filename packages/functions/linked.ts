import { Resource } from "sst/resource";

/** A linked resource's value, as SST hands it to a function; undefined where it is not linked. */
export function linkedResource(name: string): string | undefined {
  try {
    return (Resource as unknown as Readonly<Record<string, { readonly value?: string }>>)[name]?.value;
  } catch {
    return undefined; // SST refuses what is not linked
  }
}
