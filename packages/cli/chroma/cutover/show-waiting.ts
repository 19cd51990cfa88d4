import { setTimeout as sleep } from "node:timers/promises";
import type { CutoverStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import { visible } from "../../terminal/print.ts";

/** Milliseconds between two looks. */
const PAUSE_MS = 1_000;

/** Milliseconds after which what is missing is printed again. */
const REPEAT_MS = 30_000;

/** Shows on standard error what tenants wait for: a line when it changes, and every half minute. `quiet` shows nothing. */
export function showWaiting({ quiet }: { readonly quiet: boolean }) {
  const shown = new Map<string, { readonly names: string; readonly at: number }>();
  return {
    show({ tenant, next }: CutoverStatus): void {
      if (quiet || !next) return;
      const unmet = next.conditions.filter(({ met }) => !met);
      const names = unmet.map(({ name }) => name).join();
      const last = shown.get(tenant.id);
      if (last && last.names === names && performance.now() - last.at < REPEAT_MS) return;
      shown.set(tenant.id, { names, at: performance.now() });
      console.error(
        `${visible(tenant.name)} waits for ${next.phase}: ${unmet.map(({ detail }) => visible(detail, 500)).join(" ")}`,
      );
    },
    pause: (signal: AbortSignal) => sleep(PAUSE_MS, undefined, { signal }),
    stop: () => shown.clear(),
  };
}
