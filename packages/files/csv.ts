import { AppError } from "@cairn/core/error.ts";

/** A record of a CSV file, and the line where it starts. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

/** Maximum length of one record, in UTF-16 code units. */
const MAX_RECORD_LENGTH = 32 * 1024 * 1024;

/**
 * Yields the records of CSV text that arrives in pieces, by RFC 4180: quoted fields can contain separators, line breaks and
 * doubled quotes. The default separator is the comma, semicolon or tab that is most frequent in the first line. Blank lines
 * are skipped. Throws `invalid_input`, naming the line.
 */
export async function* readCsv(
  pieces: AsyncIterable<string>,
  { name, separator }: { readonly name: string; readonly separator?: string },
): AsyncGenerator<CsvRecord> {
  let parser: ReturnType<typeof createCsvParser> | undefined;
  let head = "";
  for await (const piece of pieces) {
    if (parser) yield* parser.push(piece);
    else {
      head += piece;
      if (separator === undefined && !/[\r\n]/.test(removeQuoted(head)) && head.length < 65_536) continue;
      parser = createCsvParser(name, separator ?? guessSeparator(head));
      yield* parser.push(head);
    }
  }
  parser ??= createCsvParser(name, separator ?? guessSeparator(head));
  if (head !== "" && parser.isUnused()) yield* parser.push(head);
  yield* parser.end();
}

function removeQuoted(text: string): string {
  return text.replaceAll(/"[^"]*"/g, "").replace(/"[\s\S]*$/, "");
}

function guessSeparator(head: string): string {
  const [line = ""] = removeQuoted(head).split(/[\r\n]/);
  const counts = [",", ";", "\t"].map((separator) => ({ separator, count: line.split(separator).length }));
  return counts.toSorted((a, b) => b.count - a.count)[0]?.separator ?? ",";
}

function createCsvParser(name: string, separator: string) {
  const plain = new RegExp(String.raw`[^"${separator}\r\n]*`, "y");
  let state: "start" | "plain" | "quoted" | "quote" = "start"; // quote: after a quote within a quoted field
  let fields: string[] = [];
  let field = "";
  let line = 1;
  let recordLine = 1;
  let length = 0;
  let afterReturn = false;
  let isUnused = true;

  const syntaxError = (why: string): AppError =>
    new AppError("invalid_input", `${name}, line ${recordLine} cannot be read as CSV: ${why}.`, {
      path: `${name}, line ${recordLine}`,
    });
  const endField = () => {
    fields.push(field);
    field = "";
    state = "start";
  };
  const endRecord = (): CsvRecord | undefined => {
    endField();
    const record = { line: recordLine, fields };
    fields = [];
    length = 0;
    return record.fields.length === 1 && record.fields[0] === "" ? undefined : record;
  };

  return {
    isUnused: () => isUnused,
    *push(text: string): Generator<CsvRecord> {
      isUnused = false;
      for (let position = 0; position < text.length; ) {
        const character = text[position] as string;
        const isBreak = character === "\n" || character === "\r";
        const isEndOfCrlf = afterReturn && character === "\n";
        afterReturn = character === "\r";
        if (state === "quoted") {
          const end = text.indexOf('"', position);
          const part = text.slice(position, end === -1 ? text.length : end);
          for (let index = part.indexOf("\n"); index !== -1; index = part.indexOf("\n", index + 1)) line++;
          field += part;
          position += part.length;
          length += part.length;
          afterReturn = false;
          if (end !== -1) {
            state = "quote";
            position++;
          }
        } else if (isBreak) {
          position++;
          if (isEndOfCrlf) {
            recordLine = line;
            continue;
          }
          line++;
          const record = endRecord();
          recordLine = line;
          if (record) yield record;
        } else if (character === separator) {
          endField();
          position++;
        } else if (character === '"' && state !== "plain") {
          if (state === "quote") field += '"'; // a doubled quote
          state = "quoted";
          position++;
        } else {
          if (state === "quote")
            throw syntaxError('text follows the closing quote of a quoted field; write a quote within it as ""');
          plain.lastIndex = position;
          const part = plain.exec(text)?.[0] || character;
          field += part;
          position += part.length;
          length += part.length;
          state = "plain";
        }
        if (length > MAX_RECORD_LENGTH)
          throw syntaxError(`it has more than ${MAX_RECORD_LENGTH} characters; a quote may not be closed`);
      }
    },
    *end(): Generator<CsvRecord> {
      if (state === "quoted") throw syntaxError("a quoted field is not closed");
      const record = fields.length > 0 || field !== "" ? endRecord() : undefined;
      if (record) yield record;
    },
  };
}
