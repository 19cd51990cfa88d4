import type { AppError } from "@cairn/core/error.ts";
import { inputError } from "../document.ts";

/** A file that is converted to text. */
export interface Conversion {
  readonly format: "pdf" | "docx";
  readonly bytes: Uint8Array;
}

/** A PDF as the text of each page, or a Word document as HTML. */
export type Extracted =
  | { readonly pages: readonly string[]; readonly title: string | undefined }
  | { readonly html: string };

/** Why a file cannot be converted. `size`: it unpacks to more than the limit. */
export type ConversionFault = "password" | "invalid" | "size" | "memory" | "time" | "unsupported";

/** Converts a file. Does not throw for any content of it. */
export type Convert = (conversion: Conversion) => Promise<Extracted | { readonly error: ConversionFault }>;

/** Refuses to convert, for a service that has neither the memory nor the time for it. */
export const noConversion: Convert = async () => ({ error: "unsupported" });

const NAMES: Readonly<Record<Conversion["format"], string>> = { pdf: "a PDF", docx: "a Word document" };

/** Converts a file. Throws `invalid_input` with the reason, naming the file. */
export async function convertFile(file: string, conversion: Conversion, convert: Convert): Promise<Extracted> {
  const converted = await convert(conversion);
  if ("error" in converted) throw faultError(file, converted.error, NAMES[conversion.format]);
  return converted;
}

/** Maximum bytes of the unpacked parts of a Word document that have text. */
export const MAX_UNPACKED_BYTES = 100_000_000;

/** Creates the error for a file that cannot be converted. `kind`: what the file is. */
export function faultError(file: string, fault: ConversionFault, kind = "a file"): AppError {
  return inputError(file, `: ${reason(fault, kind)}`);
}

const SMALLER = "Split it, or convert it to text first";

function reason(fault: ConversionFault, kind: string): string {
  switch (fault) {
    case "password":
      return `it is ${kind} that needs a password. Save it without one`;
    case "invalid":
      return `it is not ${kind}, or it is damaged`;
    case "size":
      return `it is ${kind} that unpacks to more than ${MAX_UNPACKED_BYTES / 1_000_000} MB. ${SMALLER}`;
    case "memory":
      return `it is ${kind} that takes too much memory to read. ${SMALLER}`;
    case "time":
      return `it is ${kind} that takes too long to read. ${SMALLER}`;
    case "unsupported":
      return `it is ${kind}, which this service does not convert. Convert it to text, HTML or Markdown first`;
  }
}
