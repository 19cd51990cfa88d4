import { extname } from "node:path";
import { AppError } from "@cairn/core/error.ts";

/** A kind of file without plain text, and how to recognise it. */
interface BinaryKind {
  readonly name: string;
  /** File extensions. */
  readonly extensions: readonly string[];
  /** First bytes as Latin-1; `?` matches any byte. */
  readonly magic: readonly string[];
  /** For a ZIP archive: the folder or entry that identifies its kind. */
  readonly entry?: string;
  readonly hint: string;
}

const ZIP = "PK\x03\x04";
const PANDOC_HINT = "Save it as text or HTML, or convert it: pandoc FILE -t markdown -o FILE.md";

function officeKind(name: string, extensions: string, entry: string): BinaryKind {
  return { name, extensions: extensions.split(" "), magic: [ZIP], entry, hint: PANDOC_HINT };
}

/** Source: the file signatures of the file command (magic(5)). */
const KINDS: readonly BinaryKind[] = [
  officeKind("an Excel workbook", ".xlsx .xlsm", "xl/"),
  officeKind("a PowerPoint presentation", ".pptx", "ppt/"),
  officeKind("an OpenDocument file", ".odt .ods .odp", "mimetypeapplication/vnd.oasis"),
  officeKind("an e-book", ".epub", "mimetypeapplication/epub"),
  {
    name: "an old Office document",
    extensions: [".doc", ".xls", ".ppt"],
    magic: ["\xd0\xcf\x11\xe0"],
    hint: "Save it as text or HTML, or convert it: soffice --convert-to html FILE",
  },
  { name: "a rich text document", extensions: [".rtf"], magic: ["{\\rtf"], hint: PANDOC_HINT },
  {
    name: "an archive",
    extensions: ".zip .gz .tgz .tar .7z .bz2 .xz .zst .rar .jar".split(" "),
    magic: [ZIP, "PK\x05\x06", "\x1f\x8b", "BZh?1AY&SY", "7z\xbc\xaf", "\xfd7zXZ", "\x28\xb5\x2f\xfd", "Rar!\x1a"],
    hint: "Unpack it and ingest the files in it",
  },
  {
    name: "an image",
    extensions: ".png .jpg .jpeg .gif .webp .tif .tiff .bmp .heic .ico".split(" "),
    magic: ["\x89PNG", "\xff\xd8\xff", "GIF87a", "GIF89a", "RIFF????WEBP", "II*\0", "MM\0*"],
    hint: "Describe it in a text, or extract its text first, for example with tesseract",
  },
  {
    name: "audio or video",
    extensions: ".mp3 .mp4 .wav .ogg .mov .webm .flac .m4a .avi .mkv".split(" "),
    magic: [
      "ID3\x02",
      "ID3\x03",
      "ID3\x04",
      "\xff\xfb",
      "OggS",
      "RIFF????WAVE",
      "RIFF????AVI ",
      "\0\0\0?ftyp",
      "\x1aE\xdf\xa3",
      "fLaC\0",
    ],
    hint: "Ingest its transcript",
  },
  {
    name: "a database or a columnar file",
    extensions: ".sqlite .sqlite3 .db .parquet .avro .arrow".split(" "),
    magic: ["SQLite format 3", "PAR1\x15", "Obj\x01", "ARROW1"],
    hint: "Export it as CSV or JSON Lines",
  },
];

function matches({ magic, entry }: BinaryKind, bytes: string): boolean {
  const hasMagic = magic.some((pattern) =>
    Array.from(pattern).every((character, index) => character === "?" || bytes[index] === character),
  );
  return hasMagic && (entry === undefined || bytes.includes(entry));
}

const SUPPORTED_FORMATS = "Cairn ingests text, Markdown, HTML, PDF, Word, CSV, JSON and JSON Lines";

/** The format of a file that is converted, by its first bytes, whatever its name is; undefined for other files. */
export function convertedFormat(head: Uint8Array): "pdf" | "docx" | undefined {
  const bytes = Buffer.from(head).toString("latin1");
  if (bytes.slice(0, 1_024).includes("%PDF-")) return "pdf"; // readers accept bytes before it
  return bytes.startsWith(ZIP) && bytes.includes("word/") ? "docx" : undefined;
}

/**
 * Throws `invalid_input` with a hint if a file is not plain text. It decides by the first bytes, and by the file extension
 * unless the user sets a format.
 */
export function assertText(
  file: string,
  { head, hasFormat }: { readonly head: Uint8Array; readonly hasFormat: boolean },
): void {
  const name = file === "-" ? "Standard input" : file;
  const bytes = Buffer.from(head).toString("latin1");
  const extension = extname(file).toLowerCase();
  const kind =
    KINDS.find((candidate) => matches(candidate, bytes)) ??
    (hasFormat ? undefined : KINDS.find(({ extensions }) => extensions.includes(extension)));
  const isUtf16 = bytes.startsWith("\xff\xfe") || bytes.startsWith("\xfe\xff");
  if (!kind && !isUtf16 && !bytes.includes("\0")) return;
  const description = kind?.name ?? (isUtf16 ? "UTF-16 text" : "a binary file");
  const hint =
    kind?.hint ?? (isUtf16 ? "Convert it: iconv -f UTF-16 -t UTF-8 FILE > FILE.txt" : "Convert it to text first");
  throw new AppError(
    "invalid_input",
    `${name} cannot be ingested: it is ${description}, and ${SUPPORTED_FORMATS}. ${hint.replaceAll("FILE", file === "-" ? "FILE" : file)}.`,
    { path: file },
  );
}
