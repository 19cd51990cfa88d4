import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import { type Latency, latency } from "../support/measure.ts";

const TEXTS = 200;
const WARM_UP = 20;

/** The time that a model takes for one of the texts, sent one by one. */
export async function textTime(model: string, texts: readonly string[]): Promise<Latency> {
  const embedder = createEmbedders({}).get(model);
  const step = texts.length / (TEXTS + WARM_UP);
  const times: number[] = [];
  for (let at = 0; at < TEXTS + WARM_UP; at++) {
    const started = performance.now();
    await embedder.embed([texts[Math.floor(at * step)] ?? ""], { dimensions: 1536 });
    times.push(performance.now() - started);
  }
  return latency(times.slice(WARM_UP));
}
