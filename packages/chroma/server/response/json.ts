import { nextTurn } from "@cairn/core/turn.ts";

/** Characters that are encoded in one time slice. */
const SLICE_CHARACTERS = 65_536;

/** JSON from pieces that are JSON already, encoded in time slices. */
export async function encodePieces(pieces: Iterable<string>): Promise<string | Uint8Array<ArrayBuffer>> {
  const encoded: Buffer[] = [];
  let text = "";
  for (const piece of pieces) {
    text += piece;
    if (text.length < SLICE_CHARACTERS) continue;
    encoded.push(Buffer.from(text));
    text = "";
    await nextTurn();
  }
  if (encoded.length === 0) return text;
  encoded.push(Buffer.from(text));
  return Buffer.concat(encoded);
}

/** The pieces of a JSON array. */
export function* arrayPieces<T>(items: Iterable<T>, toJson: (item: T) => string): Generator<string> {
  let separator = "[";
  for (const item of items) {
    yield separator;
    yield toJson(item);
    separator = ",";
  }
  yield separator === "[" ? "[]" : "]";
}
