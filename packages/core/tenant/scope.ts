export const SCOPES = ["read", "write", "admin"] as const;

/** `read`: search and list. `write`: change collections and documents. `admin`: manage keys and indexes. */
export type Scope = (typeof SCOPES)[number];
