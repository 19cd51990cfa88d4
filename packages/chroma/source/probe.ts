import { AppError } from "@cairn/core/error.ts";
import { parseAddress } from "./address.ts";
import { type ChromaClient, ChromaFault } from "./client.ts";
import { requestHeaders } from "./headers.ts";
import { createHttpSend } from "./http.ts";
import type { ChromaOptions } from "./options.ts";

/**
 * Makes sure that a Chroma server of the v2 API answers. Endpoints are asked, never `/version`: every server says 1.0.0.
 * Throws `source_unsupported` for a server that only speaks v1, with the way past it.
 */
export async function probeServer(client: ChromaClient, options: ChromaOptions): Promise<void> {
  try {
    await client.request("GET", "/heartbeat", assertHeartbeat);
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found" && (await speaksV1(client.url, options))) {
      throw new AppError(
        "source_unsupported",
        `The Chroma server at ${client.url} speaks only the old v1 API (a server before 0.6). Copy its data folder, start a current ` +
          "server on the copy (npx chroma run --path THE_COPY --port 8001: it upgrades the data when it starts), and give that " +
          "address to --chroma. The old server stays as it is.",
        { cause: error },
      );
    }
    if (error instanceof AppError && (error.code === "not_found" || isUnreadable(error)))
      throw new AppError(
        "source_unavailable",
        `What answers at ${client.url} is not a Chroma server. Is a path prefix missing from --chroma?`,
        { cause: error },
      );
    throw error;
  }
}

function assertHeartbeat(text: string): void {
  if (!text.includes("heartbeat") || !JSON.parse(text)) throw new SyntaxError("A heartbeat was expected.");
}

function isUnreadable({ cause }: AppError): boolean {
  return cause instanceof ChromaFault && cause.status === 200;
}

async function speaksV1(url: string, options: ChromaOptions): Promise<boolean> {
  const headers = requestHeaders(options, parseAddress(options.url));
  const { timeout = 60_000 } = options;
  try {
    const { status, body } = await createHttpSend()(
      `${url}/api/v1/heartbeat`,
      { method: "GET", headers },
      timeout,
    );
    return status === 200 && body.includes("heartbeat");
  } catch {
    return false; // it answered under v2 a moment ago; whatever this is, it is not a v1 server
  }
}
