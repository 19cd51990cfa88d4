import { Resource } from "sst/resource";

/** The value of a resource that SST links to the function; undefined if it is not linked. */
export function linkedResource(name: string): string | undefined {
  try {
    return (Resource as unknown as Readonly<Record<string, { readonly value?: string }>>)[name]?.value;
  } catch {
    return undefined; // SST throws for a resource that is not linked
  }
}
