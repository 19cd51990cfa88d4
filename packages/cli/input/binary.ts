import { extname } from "node:path";
import { AppError } from "@cairn/core/error.ts";

/** What holds no plain text, and how it is told. */
interface Kind {
  readonly name: string;
  readonly endings: readonly string[];
  /** First bytes as Latin-1; `?` stands for any. */
  readonly magic: readonly string[];
  /** Of a ZIP archive: the folder or entry that shows what it holds. */
  readonly part?: string;
  readonly hint: string;
}

const ZIP = "PK\x03\x04";
const PANDOC = "Save it as text or HTML, or convert it: pandoc FILE -t markdown -o FILE.md";

function office(name: string, endings: string, part: string): Kind {
  return { name, endings: endings.split(" "), magic: [ZIP], part, hint: PANDOC };
}

/** Source: the file signatures that the file command knows (magic(5)). */
const KINDS: readonly Kind[] = [
  {
    name: "a PDF",
    endings: [".pdf"],
    magic: ["%PDF-"],
    hint: "Convert it to text first: pdftotext FILE FILE.txt",
  },
  office("a Word document", ".docx .docm", "word/"),
  office("an Excel workbook", ".xlsx .xlsm", "xl/"),
  office("a PowerPoint presentation", ".pptx", "ppt/"),
  office("an OpenDocument file", ".odt .ods .odp", "mimetypeapplication/vnd.oasis"),
  office("an e-book", ".epub", "mimetypeapplication/epub"),
  {
    name: "an old Office document",
    endings: [".doc", ".xls", ".ppt"],
    magic: ["\xd0\xcf\x11\xe0"],
    hint: "Save it as text or HTML, or convert it: soffice --convert-to html FILE",
  },
  { name: "a rich text document", endings: [".rtf"], magic: ["{\\rtf"], hint: PANDOC },
  {
    name: "an archive",
    endings: ".zip .gz .tgz .tar .7z .bz2 .xz .zst .rar .jar".split(" "),
    magic: [
      ZIP,
      "PK\x05\x06",
      "\x1f\x8b",
      "BZh?1AY&SY",
      "7z\xbc\xaf",
      "\xfd7zXZ",
      "\x28\xb5\x2f\xfd",
      "Rar!\x1a",
    ],
    hint: "Unpack it and name the files in it",
  },
  {
    name: "an image",
    endings: ".png .jpg .jpeg .gif .webp .tif .tiff .bmp .heic .ico".split(" "),
    magic: ["\x89PNG", "\xff\xd8\xff", "GIF87a", "GIF89a", "RIFF????WEBP", "II*\0", "MM\0*"],
    hint: "Describe it in a text, or recognise its text first, as tesseract does",
  },
  {
    name: "audio or video",
    endings: ".mp3 .mp4 .wav .ogg .mov .webm .flac .m4a .avi .mkv".split(" "),
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
    endings: ".sqlite .sqlite3 .db .parquet .avro .arrow".split(" "),
    magic: ["SQLite format 3", "PAR1\x15", "Obj\x01", "ARROW1"],
    hint: "Export it as CSV or JSON Lines",
  },
];

function isOf({ magic, part }: Kind, bytes: string): boolean {
  const begins = magic.some((pattern) =>
    Array.from(pattern).every((character, at) => character === "?" || bytes[at] === character),
  );
  return begins && (part === undefined || bytes.includes(part));
}

const TAKEN = "Cairn ingests text, Markdown, HTML, CSV, JSON and JSON Lines";

/**
 * Refuses what holds no plain text, by its first bytes, whatever the file is called, and by its ending unless the
 * caller names a format. Throws `invalid_input` with the way out.
 */
export function refuseBinary(
  file: string,
  { head, named }: { readonly head: Uint8Array; readonly named: boolean },
): void {
  const name = file === "-" ? "Standard input" : file;
  const bytes = Buffer.from(head).toString("latin1");
  const ending = extname(file).toLowerCase();
  const kind =
    KINDS.find((one) => isOf(one, bytes)) ??
    (named ? undefined : KINDS.find(({ endings }) => endings.includes(ending)));
  const utf16 = bytes.startsWith("\xff\xfe") || bytes.startsWith("\xfe\xff");
  if (!kind && !utf16 && !bytes.includes("\0")) return;
  const what = kind?.name ?? (utf16 ? "UTF-16 text" : "a binary file");
  const hint =
    kind?.hint ??
    (utf16 ? "Convert it: iconv -f UTF-16 -t UTF-8 FILE > FILE.txt" : `Convert it to text first`);
  throw new AppError(
    "invalid_input",
    `${name} cannot be ingested: it is ${what}, and ${TAKEN}. ${hint.replaceAll("FILE", file === "-" ? "FILE" : file)}.`,
    { path: file },
  );
}
