/** Kinds that are added up over a day. The name of a kind that counts tokens of a model ends with `_tokens`. */
export type CountedKind =
  | "requests"
  | "searches"
  | "embedding_tokens"
  | "chat_input_tokens"
  | "chat_output_tokens"
  | "rerank_tokens";

/** Something that a tenant used. */
export interface UsageEvent {
  readonly tenantId: string;
  readonly kind: CountedKind;
  /** `provider/model` of tokens. Default: empty. */
  readonly model?: string;
  readonly n: number;
}

/** Receives what tenants use. It must not wait and must not throw. */
export type CountUsage = (event: UsageEvent) => void;
