import { CairnError, type Client, read } from "@cairn/client/client.ts";
import { encodeVector } from "@cairn/client/vector.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import type { NewDocument } from "@cairn/core/document/document.ts";

/** Documents that are sent in one request at most. */
const BATCH = 100;

/** Bytes of JSON that they have at most, unless one alone has more. A service takes 5 MB where nothing else is set. */
const BATCH_BYTES = 4_000_000;

export interface SendOptions {
  readonly collection?: string;
  readonly maxTokens?: number;
  readonly overlap?: number;
}

export interface Sent {
  readonly ids: readonly string[];
  readonly passages: number;
  readonly failed: readonly { readonly id: string; readonly code: string; readonly message: string }[];
}

type Body = Parameters<Client["v1"]["documents"]["$post"]>[0]["json"];

/** Writes documents to a service, in as many requests as its limit of a body takes. Throws `CairnError`. */
export async function sendDocuments(
  client: Client,
  documents: AsyncIterable<NewDocument>,
  { collection, maxTokens, overlap, onSent }: SendOptions & { readonly onSent: (documents: number) => void },
): Promise<Sent> {
  const ids: string[] = [];
  const failed: Sent["failed"][number][] = [];
  let passages = 0;
  let seen = 0;
  for await (const batch of batches(documents)) {
    const body = { collection, documents: batch, max_tokens: maxTokens, overlap };
    const sent = await send(client, body);
    ids.push(...sent.ids);
    failed.push(...sent.failed);
    passages += sent.passages;
    seen += batch.length;
    onSent(seen);
  }
  return { ids, passages, failed };
}

/** Documents as a service takes them, in order. */
async function* batches(documents: AsyncIterable<NewDocument>): AsyncGenerator<Body["documents"]> {
  let batch: Body["documents"] = [];
  let bytes = 0;
  for await (const { id, content, uri, embedding, metadata } of documents) {
    const document = {
      id,
      content,
      uri,
      metadata: rawNumbers(metadata) as Record<string, unknown> | undefined,
      embedding: embedding && encodeVector(embedding),
    };
    const size = bytesOf(document);
    if (batch.length === BATCH || (batch.length > 0 && bytes + size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(document);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** Sends one request. What the service finds too large goes in halves, as its limit may be lower than ours. */
async function send(client: Client, body: Body): Promise<Sent> {
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

function tooLarge(document: Body["documents"][number]): Sent["failed"][number] {
  const message = `It has ${bytesOf(document)} bytes of JSON, more than the service takes in one request. Split it, or raise the service's limit (CAIRN_MAX_BODY).`;
  return { id: document.id ?? "", code: "body_too_large", message };
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** JSON with its numbers as they are written: what the client sends can hold no bigint. */
export function rawNumbers(value: unknown): unknown {
  if (value === undefined) return undefined;
  return JSON.parse(stringifyJson(value), (_key, item, context?: { readonly source?: string }) =>
    typeof item === "number" && context?.source ? JSON.rawJSON(context.source) : item,
  );
}
