/** Maximum length of a line, in UTF-16 code units. */
const MAX_LENGTH = 64 * 1024 * 1024;

/** Yields the lines of a text in pieces. `fail`: makes the error for a line that is too long, from the reason. */
export async function* splitLines(
  pieces: AsyncIterable<string>,
  fail: (reason: string) => Error,
): AsyncGenerator<string> {
  let parts: string[] = [];
  let length = 0;
  for await (const piece of pieces) {
    const lines = piece.split("\n");
    for (const [index, line] of lines.entries()) {
      parts.push(line);
      length += line.length;
      if (length > MAX_LENGTH) throw fail(`one of its lines has more than ${MAX_LENGTH} characters`);
      if (index === lines.length - 1) continue;
      yield parts.join("");
      parts = [];
      length = 0;
    }
  }
  yield parts.join("");
}
