/** The parts of Cloudflare's runtime API that the worker uses. Source: developers.cloudflare.com/workers/runtime-apis */

export interface Queue {
  send(message: object): Promise<void>;
}

/** Bindings and secrets: see wrangler.jsonc. */
export interface Env {
  readonly JOBS: Queue;
  readonly DEAD_JOBS: Queue;
  /** Files of the console. */
  readonly ASSETS: { fetch(url: string): Promise<Response> };
}

export interface Context {
  waitUntil(work: Promise<unknown>): void;
  passThroughOnException(): void;
  readonly props: unknown;
}

export interface Message {
  readonly id: string;
  readonly body: unknown;
  /** Number of this delivery, from 1. */
  readonly attempts: number;
  ack(): void;
  retry(options: { readonly delaySeconds: number }): void;
}

export interface MessageBatch {
  readonly messages: readonly Message[];
}
