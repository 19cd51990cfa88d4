import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";

/** Waits for the responses to the requests that a connected transport has received. */
export function trackRequests(transport: Transport): { settled(): Promise<void> } {
  const open = new Set<string | number>();
  let onSettled = () => {};
  const receive = transport.onmessage;
  transport.onmessage = (message, extra) => {
    if ("method" in message && "id" in message) open.add(message.id);
    receive?.(message, extra);
  };
  const send = transport.send.bind(transport);
  transport.send = async (message, options) => {
    await send(message, options);
    if ("method" in message || !("id" in message) || message.id === undefined) return;
    open.delete(message.id);
    if (open.size === 0) onSettled();
  };
  return {
    settled: () =>
      new Promise((resolve) => {
        onSettled = resolve;
        if (open.size === 0) resolve();
      }),
  };
}
