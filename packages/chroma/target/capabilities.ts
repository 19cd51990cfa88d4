import { parseJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import type { ChromaClient } from "../source/client.ts";

/** What a server accepts in one request. */
export interface Capabilities {
  /** Maximum records. */
  readonly maxBatchSize: number;
  /** Whether vectors in base64 are read. */
  readonly base64: boolean;
}

/** Records in a request to a server that does not name its limit. Chroma Cloud accepts 300. */
const DEFAULT_BATCH_SIZE = 300;

interface PreFlight {
  readonly max_batch_size?: unknown;
  readonly supports_base64_encoding?: unknown;
}

/** Reads what the server accepts. */
export async function readCapabilities(client: ChromaClient): Promise<Capabilities> {
  const checks = await readPreFlight(client);
  const { max_batch_size: size, supports_base64_encoding: base64 } = checks ?? {};
  const isSize = typeof size === "number" && Number.isInteger(size) && size > 0;
  return { maxBatchSize: isSize ? size : DEFAULT_BATCH_SIZE, base64: base64 === true };
}

async function readPreFlight(client: ChromaClient): Promise<PreFlight | null> {
  try {
    return await client.request("GET", "/pre-flight-checks", (text) => parseJson(text) as PreFlight | null);
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return null;
    throw error;
  }
}
