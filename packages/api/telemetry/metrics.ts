import { Counter, collectDefaultMetrics, Histogram, Registry } from "prom-client";
import { type MetricFamily, renderFamilies } from "./metric-family.ts";
import type { Observer } from "./record.ts";

export interface Metrics {
  readonly observe: Observer;
  /** The metrics in Prometheus's text format. */
  readonly text: () => Promise<string>;
  readonly contentType: string;
}

/** Caches the result of `create` for this many milliseconds, so that frequent requests cost nothing. */
function cacheFor<T>(milliseconds: number, create: () => Promise<T>): () => Promise<T> {
  let cached: { readonly value: Promise<T>; readonly at: number } | undefined;
  return () => {
    if (!cached || performance.now() - cached.at >= milliseconds) cached = { value: create(), at: performance.now() };
    return cached.value;
  };
}

/** Reads metrics that other parts of the process count. Must not throw. */
export type MetricSource = () => Promise<readonly MetricFamily[]>;

/**
 * Counts requests and their duration by route and status, tokens, rows, and the process's default metrics. `sources` may still be
 * added to.
 */
export function createMetrics({ sources = [] }: { readonly sources?: readonly MetricSource[] } = {}): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const labelNames = ["method", "route", "status"] as const;
  const seconds = new Histogram({
    name: "cairn_request_seconds",
    help: "Duration of requests in seconds.",
    labelNames,
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 25, 60, 120],
    registers: [registry],
  });
  const tokens = new Counter({
    name: "cairn_embedding_tokens_total",
    help: "Tokens sent to embedding models.",
    registers: [registry],
  });
  const chatTokens = new Counter({
    name: "cairn_chat_tokens_total",
    help: "Tokens that the chat model read (input) and wrote (output).",
    labelNames: ["type"],
    registers: [registry],
  });
  const rerankTokens = new Counter({
    name: "cairn_rerank_tokens_total",
    help: "Tokens sent to rerank models whose order was applied.",
    registers: [registry],
  });
  const reranks = new Counter({
    name: "cairn_reranks_total",
    help: "Calls to rerank models whose order was applied, and calls that failed.",
    labelNames: ["outcome"],
    registers: [registry],
  });
  const rows = new Counter({
    name: "cairn_rows_total",
    help: "Documents and hits that were returned or written.",
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
      if (record.rerank_tokens) rerankTokens.inc(record.rerank_tokens);
      if (record.reranks) reranks.inc({ outcome: "applied" }, record.reranks);
      if (record.rerank_failures) reranks.inc({ outcome: "failed" }, record.rerank_failures);
      if (record.rows) rows.inc({ route }, record.rows);
    },
    text: cacheFor(1_000, async () => {
      const [own, ...others] = await Promise.all([registry.metrics(), ...sources.map((read) => read())]);
      return own + renderFamilies(others.flat());
    }),
    contentType: registry.contentType,
  };
}
