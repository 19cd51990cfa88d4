import { Counter, collectDefaultMetrics, Histogram, Registry } from "prom-client";
import type { Observer } from "./record.ts";

export interface Metrics {
  readonly observe: Observer;
  /** Prometheus's text format. */
  readonly text: () => Promise<string>;
  readonly contentType: string;
}

/** What `make` gives, made again after so many milliseconds at the earliest: whoever asks often costs no more. */
function shareFor<T>(milliseconds: number, make: () => Promise<T>): () => Promise<T> {
  let made: { readonly value: Promise<T>; readonly at: number } | undefined;
  return () => {
    if (!made || performance.now() - made.at >= milliseconds) made = { value: make(), at: performance.now() };
    return made.value;
  };
}

/** Requests, their time, and tokens, by route and status; and the process's own figures. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const labelNames = ["method", "route", "status"] as const;
  const seconds = new Histogram({
    name: "cairn_request_seconds",
    help: "Time that requests took.",
    labelNames,
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 25, 60, 120],
    registers: [registry],
  });
  const tokens = new Counter({
    name: "cairn_embedding_tokens_total",
    help: "Tokens that models were asked to embed.",
    registers: [registry],
  });
  const chatTokens = new Counter({
    name: "cairn_chat_tokens_total",
    help: "Tokens that the chat model read (input) and wrote (output).",
    labelNames: ["type"],
    registers: [registry],
  });
  const rows = new Counter({
    name: "cairn_rows_total",
    help: "Documents and hits that answers held or requests wrote.",
    labelNames: ["route"],
    registers: [registry],
  });
  return {
    observe(record) {
      const { method, route, status } = record;
      seconds.observe({ method, route, status: String(status) }, record.ms / 1000);
      if (record.tokens > 0) tokens.inc(record.tokens);
      if (record.input_tokens) chatTokens.inc({ type: "input" }, record.input_tokens);
      if (record.output_tokens) chatTokens.inc({ type: "output" }, record.output_tokens);
      if (record.rows) rows.inc({ route }, record.rows);
    },
    text: shareFor(1_000, () => registry.metrics()),
    contentType: registry.contentType,
  };
}
