import { CairnError, type Client, read } from "@cairn/client/client.ts";
import { encodeVector } from "@cairn/client/vector.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import type { NewDocument } from "@cairn/core/document/document.ts";
import { batches } from "./batches.ts";

/** The documents of one request, whose size is that of their JSON. A service accepts bodies of 5 MB by default. */
const BATCH = { maxItems: 100, maxBytes: 4_000_000, bytesOf };

export interface SendOptions {
  readonly collection?: string;
  readonly maxTokens?: number;
  readonly overlap?: number;
}

/** The result of sending documents to a service. */
export interface SendResult {
  readonly ids: readonly string[];
  readonly passages: number;
  readonly failed: readonly { readonly id: string; readonly code: string; readonly message: string }[];
}

type Body = Parameters<Client["v1"]["documents"]["$post"]>[0]["json"];

/** Sends documents to a service, in requests that fit its body limit. Throws `CairnError`. */
export async function sendDocuments(
  client: Client,
  documents: AsyncIterable<NewDocument>,
  { collection, maxTokens, overlap, onSent }: SendOptions & { readonly onSent: (documents: number) => void },
): Promise<SendResult> {
  const ids: string[] = [];
  const failed: SendResult["failed"][number][] = [];
  let passages = 0;
  let processed = 0;
  for await (const batch of batches(toApi(documents), BATCH)) {
    const body = { collection, documents: batch, max_tokens: maxTokens, overlap };
    const result = await send(client, body);
    ids.push(...result.ids);
    failed.push(...result.failed);
    passages += result.passages;
    processed += batch.length;
    onSent(processed);
  }
  return { ids, passages, failed };
}

/** Yields the documents in the format of the API. */
async function* toApi(documents: AsyncIterable<NewDocument>): AsyncGenerator<Body["documents"][number]> {
  for await (const { id, content, format, uri, embedding, metadata } of documents)
    yield {
      id,
      content,
      format,
      uri,
      metadata: rawNumbers(metadata) as Record<string, unknown> | undefined,
      embedding: embedding && encodeVector(embedding),
    };
}

/** Sends one request. If the service responds with 413, sends it in two halves, as the service's limit can be lower. */
async function send(client: Client, body: Body): Promise<SendResult> {
  try {
    return await read(client.v1.documents.$post({ header: {}, json: body }));
  } catch (error) {
    if (!(error instanceof CairnError && error.status === 413)) throw error;
    const { documents } = body;
    const [document] = documents;
    if (document && documents.length === 1) return { ids: [], passages: 0, failed: [tooLarge(document)] };
    const middle = Math.ceil(documents.length / 2);
    const first = await send(client, { ...body, documents: documents.slice(0, middle) });
    const second = await send(client, { ...body, documents: documents.slice(middle) });
    return {
      ids: [...first.ids, ...second.ids],
      passages: first.passages + second.passages,
      failed: [...first.failed, ...second.failed],
    };
  }
}

function tooLarge(document: Body["documents"][number]): SendResult["failed"][number] {
  const message = `It has ${bytesOf(document)} bytes of JSON, more than the service accepts in one request. Split it, or raise the service's limit (CAIRN_MAX_BODY).`;
  return { id: document.id ?? "", code: "body_too_large", message };
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Returns the value with every number as raw JSON. The client uses `JSON.stringify`, which rejects bigints. */
export function rawNumbers(value: unknown): unknown {
  if (value === undefined) return undefined;
  return JSON.parse(stringifyJson(value), (_key, item, context?: { readonly source?: string }) =>
    typeof item === "number" && context?.source ? JSON.rawJSON(context.source) : item,
  );
}
