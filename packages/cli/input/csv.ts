import { AppError } from "@cairn/core/error.ts";

/** A record of a CSV file, and the line of the file on which it begins. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

/** UTF-16 units of one record. */
const MAX_RECORD_LENGTH = 32 * 1024 * 1024;

/**
 * The records of CSV text that arrives in pieces, as RFC 4180 has them: quoted fields may hold separators, line breaks
 * and doubled quotes. The separator is the comma, semicolon or tab that the first line has most of. Blank lines are
 * skipped. Throws `invalid_input`, naming the line.
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
      if (separator === undefined && !/[\r\n]/.test(unquoted(head)) && head.length < 65_536) continue;
      parser = createCsvParser(name, separator ?? guessSeparator(head));
      yield* parser.push(head);
    }
  }
  parser ??= createCsvParser(name, separator ?? guessSeparator(head));
  if (head !== "" && parser.fresh()) yield* parser.push(head);
  yield* parser.end();
}

function unquoted(text: string): string {
  return text.replaceAll(/"[^"]*"/g, "").replace(/"[\s\S]*$/, "");
}

function guessSeparator(head: string): string {
  const [line = ""] = unquoted(head).split(/[\r\n]/);
  const counts = [",", ";", "\t"].map((separator) => ({ separator, count: line.split(separator).length }));
  return counts.toSorted((a, b) => b.count - a.count)[0]?.separator ?? ",";
}

function createCsvParser(name: string, separator: string) {
  const plain = new RegExp(String.raw`[^"${separator}\r\n]*`, "y");
  let state: "start" | "plain" | "quoted" | "quote" = "start"; // quote: after one within a quoted field
  let fields: string[] = [];
  let field = "";
  let line = 1;
  let begun = 1;
  let length = 0;
  let afterReturn = false;
  let fresh = true;

  const fault = (why: string): AppError =>
    new AppError("invalid_input", `${name}, line ${begun} cannot be read as CSV: ${why}.`, {
      path: `${name}, line ${begun}`,
    });
  const endField = () => {
    fields.push(field);
    field = "";
    state = "start";
  };
  const endRecord = (): CsvRecord | undefined => {
    endField();
    const record = { line: begun, fields };
    fields = [];
    length = 0;
    return record.fields.length === 1 && record.fields[0] === "" ? undefined : record;
  };

  return {
    fresh: () => fresh,
    *push(text: string): Generator<CsvRecord> {
      fresh = false;
      for (let at = 0; at < text.length; ) {
        const character = text[at] as string;
        const isBreak = character === "\n" || character === "\r";
        const secondOfTwo = afterReturn && character === "\n";
        afterReturn = character === "\r";
        if (state === "quoted") {
          const end = text.indexOf('"', at);
          const part = text.slice(at, end === -1 ? text.length : end);
          for (let found = part.indexOf("\n"); found !== -1; found = part.indexOf("\n", found + 1)) line++;
          field += part;
          at += part.length;
          length += part.length;
          afterReturn = false;
          if (end !== -1) {
            state = "quote";
            at++;
          }
        } else if (isBreak) {
          at++;
          if (secondOfTwo) {
            begun = line;
            continue;
          }
          line++;
          const record = endRecord();
          begun = line;
          if (record) yield record;
        } else if (character === separator) {
          endField();
          at++;
        } else if (character === '"' && state !== "plain") {
          if (state === "quote") field += '"'; // a doubled one
          state = "quoted";
          at++;
        } else {
          if (state === "quote")
            throw fault('a quoted field goes on after its closing quote; write a quote in it as ""');
          plain.lastIndex = at;
          const part = plain.exec(text)?.[0] || character;
          field += part;
          at += part.length;
          length += part.length;
          state = "plain";
        }
        if (length > MAX_RECORD_LENGTH)
          throw fault(`it has more than ${MAX_RECORD_LENGTH} characters; a quote may not be closed`);
      }
    },
    *end(): Generator<CsvRecord> {
      if (state === "quoted") throw fault("a quoted field is not closed");
      const record = fields.length > 0 || field !== "" ? endRecord() : undefined;
      if (record) yield record;
    },
  };
}
