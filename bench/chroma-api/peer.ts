import type { Send } from "../support/http-client.ts";

/** A server that speaks Chroma's API. */
export interface Peer {
  readonly name: string;
  readonly send: Send;
  /** Address of the database. */
  readonly database: string;
  /** Address of the collection that is filled. */
  readonly collection: string;
}
