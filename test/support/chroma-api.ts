import { type ChromaProtocolOptions, chromaProtocol } from "@cairn/chroma/server/protocol.ts";
import type { TestApi } from "./api.ts";

/** A server that speaks Chroma's HTTP API. */
export interface ChromaPeer {
  readonly name: string;
  request(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<PeerResponse>;
}

export interface PeerResponse {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
}

/** The options of `createApp` for Chroma's API. */
export function chromaOptions(options: ChromaProtocolOptions = {}) {
  return { protocols: [chromaProtocol({ allowReset: true, ...options })] };
}

/** Cairn, without a socket. */
export function cairnPeer({ app }: TestApi, key: string): ChromaPeer {
  return {
    name: "Cairn",
    async request(method, path, body, headers = {}) {
      const content = toText(body);
      const response = await app.request(path, {
        method,
        headers: { "X-Chroma-Token": key, ...contentHeaders(content), ...headers },
        body: content,
      });
      return toPeerResponse(response);
    },
  };
}

/** A real Chroma server. */
export function chromaPeer(url: string): ChromaPeer {
  return {
    name: "Chroma",
    async request(method, path, body, headers = {}) {
      const content = toText(body);
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { ...contentHeaders(content), ...headers },
        body: content,
      });
      return toPeerResponse(response);
    },
  };
}

function toText(body: unknown): string | undefined {
  return body === undefined || typeof body === "string" ? body : JSON.stringify(body);
}

function contentHeaders(content: string | undefined): Record<string, string> {
  if (content === undefined) return {};
  return { "Content-Type": "application/json", "Content-Length": String(Buffer.byteLength(content)) };
}

async function toPeerResponse(response: Response): Promise<PeerResponse> {
  return { status: response.status, type: response.headers.get("Content-Type"), text: await response.text() };
}
