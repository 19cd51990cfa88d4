import { AppError } from "@cairn/core/error.ts";
import { parseAddress } from "./address.ts";
import { type ChromaClient, ChromaError } from "./client.ts";
import { requestHeaders } from "./headers.ts";
import { createHttpSend } from "./http.ts";
import type { ChromaOptions } from "./options.ts";

/**
 * Asserts that the server is a Chroma server with API v2. It probes endpoints instead of `/version`, because every server
 * reports 1.0.0. Throws `source_unsupported` for a server that supports only API v1, with what to do.
 */
export async function probeServer(client: ChromaClient, options: ChromaOptions): Promise<void> {
  try {
    await client.request("GET", "/heartbeat", assertHeartbeat);
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found" && (await supportsV1(client.url, options))) {
      throw new AppError(
        "source_unsupported",
        `The Chroma server at ${client.url} supports only the old v1 API (Chroma before 0.6). Copy its data folder, start a current ` +
          "server on the copy (npx chroma run --path THE_COPY --port 8001: it upgrades the data when it starts), and set " +
          "--chroma to that address. The old server is not changed.",
        { cause: error },
      );
    }
    if (error instanceof AppError && (error.code === "not_found" || isUnreadable(error)))
      throw new AppError(
        "source_unavailable",
        `The server at ${client.url} is not a Chroma server. Is a path prefix missing from --chroma?`,
        { cause: error },
      );
    throw error;
  }
}

function assertHeartbeat(text: string): void {
  if (!text.includes("heartbeat") || !JSON.parse(text)) throw new SyntaxError("The response is not a heartbeat.");
}

function isUnreadable({ cause }: AppError): boolean {
  return cause instanceof ChromaError && cause.status === 200;
}

async function supportsV1(url: string, options: ChromaOptions): Promise<boolean> {
  const headers = requestHeaders(options, parseAddress(options.url));
  const { timeout = 60_000 } = options;
  try {
    const { status, body } = await createHttpSend()(`${url}/api/v1/heartbeat`, { method: "GET", headers }, timeout);
    return status === 200 && body.includes("heartbeat");
  } catch {
    return false; // the server responded under v2 a moment ago, so it is not a v1 server
  }
}
