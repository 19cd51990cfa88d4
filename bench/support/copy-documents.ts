import { encodeVector } from "@cairn/core/database/vector.ts";
import { type Client, Query } from "pg";
import type { BenchDocument } from "./dataset.ts";

const HEADER = Buffer.concat([Buffer.from("PGCOPY\n\xff\r\n\0", "latin1"), Buffer.alloc(8)]);
const TRAILER = Buffer.from([0xff, 0xff]);

interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/**
 * COPY BINARY of documents into cairn.documents as the superuser, which is the fastest way to fill that table. Returns the
 * seconds, including encoding. Source of the format: PostgreSQL's manual, COPY, "Binary Format".
 */
export async function copyDocuments(
  client: Client,
  { tenantId, collectionId }: { readonly tenantId: string; readonly collectionId: string },
  documents: readonly BenchDocument[],
): Promise<number> {
  const tenant = Buffer.from(tenantId.replaceAll("-", ""), "hex");
  const collection = Buffer.from(collectionId.replaceAll("-", ""), "hex");
  const chunk = Buffer.alloc(4);
  const encode = ({ id, content, metadata, embedding }: BenchDocument) =>
    row([
      tenant,
      collection,
      Buffer.from(id),
      chunk,
      Buffer.from(content ?? ""),
      encodeVector(embedding),
      Buffer.concat([Buffer.from([1]), Buffer.from(JSON.stringify(metadata))]),
    ]);
  const started = performance.now();
  await new Promise<void>((resolve, reject) => {
    const copy = new Query(
      "COPY cairn.documents (tenant_id, collection_id, id, chunk, content, embedding, metadata) FROM STDIN BINARY",
    );
    Object.assign(copy, {
      handleCopyInResponse(connection: CopyConnection) {
        connection.sendCopyFromChunk(HEADER);
        for (let at = 0; at < documents.length; at += 100)
          connection.sendCopyFromChunk(Buffer.concat(documents.slice(at, at + 100).map(encode)));
        connection.sendCopyFromChunk(TRAILER);
        connection.endCopyFrom();
      },
    });
    copy.on("error", reject);
    copy.on("end", () => resolve());
    client.query(copy);
  });
  return (performance.now() - started) / 1000;
}

function row(fields: readonly Buffer[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeInt16BE(fields.length);
  const parts: Buffer[] = [count];
  for (const field of fields) {
    const length = Buffer.alloc(4);
    length.writeInt32BE(field.length);
    parts.push(length, field);
  }
  return Buffer.concat(parts);
}
