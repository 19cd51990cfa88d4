import { parseJson } from "@cairn/core/database/json.ts";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";

/**
 * Makes a transport turn the arguments of each tool call into an object. Models also send them as a JSON string or null,
 * which the protocol would refuse before a tool sees them.
 */
export function acceptLooseArguments<T extends Transport>(transport: T): T {
  let receive: Transport["onmessage"];
  Object.defineProperty(transport, "onmessage", {
    configurable: true,
    get: () => receive,
    set(next: Transport["onmessage"]) {
      receive = next && ((message, extra) => next(normalizeMessage(message) as typeof message, extra));
    },
  });
  return transport;
}

function normalizeMessage(message: unknown): unknown {
  if (!isObject(message) || message.method !== "tools/call" || !isObject(message.params)) return message;
  const { arguments: args } = message.params;
  if (args === undefined || isObject(args)) return message;
  return { ...message, params: { ...message.params, arguments: toObject(args) } };
}

/** Wraps a value that is not an object in the field `arguments`, which the tool refuses with a hint. */
function toObject(args: unknown): Readonly<Record<string, unknown>> {
  if (args === null || args === "") return {};
  return { arguments: typeof args === "string" ? parseText(args) : args };
}

function parseText(text: string): unknown {
  try {
    return parseJson(text) ?? {};
  } catch {
    return text;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
