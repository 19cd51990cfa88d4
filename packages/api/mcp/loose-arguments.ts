import { parseJson } from "@cairn/core/database/json.ts";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";

/**
 * The transport, whose calls of tools always carry an object of arguments: the protocol refuses anything else before a
 * tool sees it, but models also send the object as a JSON string, or null.
 */
export function acceptLooseArguments<T extends Transport>(transport: T): T {
  let receive: Transport["onmessage"];
  Object.defineProperty(transport, "onmessage", {
    configurable: true,
    get: () => receive,
    set(next: Transport["onmessage"]) {
      receive = next && ((message, extra) => next(readMessage(message) as typeof message, extra));
    },
  });
  return transport;
}

function readMessage(message: unknown): unknown {
  if (!isObject(message) || message.method !== "tools/call" || !isObject(message.params)) return message;
  const given = message.params.arguments;
  if (given === undefined || isObject(given)) return message;
  return { ...message, params: { ...message.params, arguments: readArguments(given) } };
}

/** What is no object goes on as the one field that says so, and the tool refuses it with a hint. */
function readArguments(given: unknown): Readonly<Record<string, unknown>> {
  if (given === null || given === "") return {};
  return { arguments: typeof given === "string" ? parseText(given) : given };
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
