import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const VOCABULARY = [
  "[PAD]",
  "[UNK]",
  "[CLS]",
  "[SEP]",
  "refund",
  "return",
  "policy",
  "ship",
  "##ping",
  "what",
  "is",
  "our",
  "?",
];
const FLOAT = 1;
const INT64 = 7;

export const TINY_DIMENSIONS = 8;

/**
 * Writes a model of 650 bytes as a folder that @huggingface/transformers can load: a BERT tokenizer of 13 words, and an
 * ONNX graph with one node that looks each token up in a table. The real library needs no download for it.
 */
export async function writeTinyModel(folder: string, dimensions = TINY_DIMENSIONS): Promise<void> {
  await mkdir(join(folder, "onnx"), { recursive: true });
  const write = (file: string, content: object) => writeFile(join(folder, file), JSON.stringify(content));
  await writeFile(join(folder, "onnx", "model.onnx"), onnxModel(dimensions));
  await write("config.json", {
    model_type: "bert",
    architectures: ["BertModel"],
    hidden_size: dimensions,
    vocab_size: VOCABULARY.length,
  });
  await write("tokenizer_config.json", {
    tokenizer_class: "BertTokenizer",
    model_max_length: 64,
    do_lower_case: true,
    pad_token: "[PAD]",
    unk_token: "[UNK]",
    cls_token: "[CLS]",
    sep_token: "[SEP]",
  });
  await write("tokenizer.json", tokenizer());
}

/** The graph's embedding table, one row per word of the vocabulary. */
function table(dimensions: number): Float32Array {
  return Float32Array.from(
    { length: VOCABULARY.length * dimensions },
    (_, at) => Math.sin(at * 1.7) + Math.cos(at * 0.3),
  );
}

/** The expected vector of these words: the mean of their rows, including [CLS] and [SEP], at unit length. */
export function tinyVector(words: readonly string[], dimensions = TINY_DIMENSIONS): Float32Array {
  const rows = table(dimensions);
  const sum = new Float64Array(dimensions);
  for (const word of ["[CLS]", ...words, "[SEP]"]) {
    const row = VOCABULARY.indexOf(word) * dimensions;
    for (let at = 0; at < dimensions; at++) sum[at] = (sum[at] as number) + (rows[row + at] as number);
  }
  const length = Math.hypot(...sum);
  return Float32Array.from(sum, (element) => element / length);
}

function tokenizer(): object {
  const special = [0, 1, 2, 3].map((id) => ({
    id,
    content: VOCABULARY[id],
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  }));
  const template = (token: string) => ({ SpecialToken: { id: token, type_id: 0 } });
  const token = (name: string) => ({ id: name, ids: [VOCABULARY.indexOf(name)], tokens: [name] });
  return {
    version: "1.0",
    added_tokens: special,
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [template("[CLS]"), { Sequence: { id: "A", type_id: 0 } }, template("[SEP]")],
      pair: [],
      special_tokens: { "[CLS]": token("[CLS]"), "[SEP]": token("[SEP]") },
    },
    decoder: { type: "WordPiece", prefix: "##" },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(VOCABULARY.map((word, id) => [word, id])),
    },
  };
}

/** ModelProto of one Gather node. Field numbers: onnx/onnx.proto, IR version 8, operator set 13. */
function onnxModel(dimensions: number): Buffer {
  const gather = message(bytes(1, "table"), bytes(1, "input_ids"), bytes(2, "last_hidden_state"), bytes(4, "Gather"));
  const weights = message(
    integer(1, VOCABULARY.length),
    integer(1, dimensions),
    integer(2, FLOAT),
    bytes(8, "table"),
    bytes(9, Buffer.from(table(dimensions).buffer)),
  );
  const inputs = ["input_ids", "attention_mask", "token_type_ids"].map((name) =>
    bytes(11, valueInfo(name, INT64, ["batch", "sequence"])),
  );
  const output = bytes(12, valueInfo("last_hidden_state", FLOAT, ["batch", "sequence", dimensions]));
  const graph = message(bytes(1, gather), bytes(2, "tiny"), bytes(5, weights), ...inputs, output);
  return message(integer(1, 8), bytes(7, graph), bytes(8, message(integer(2, 13))));
}

function valueInfo(name: string, type: number, shape: readonly (string | number)[]): Buffer {
  const sizes = shape.map((size) => bytes(1, typeof size === "string" ? bytes(2, size) : integer(1, size)));
  return message(bytes(1, name), bytes(2, bytes(1, message(integer(1, type), bytes(2, message(...sizes))))));
}

/** Protocol Buffers' wire format. A field is its number and type, then a varint, or a length and that many bytes. */
function message(...fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields);
}

function integer(field: number, value: number): Buffer {
  return Buffer.from([...varint(field << 3), ...varint(value)]);
}

function bytes(field: number, content: Buffer | string): Buffer {
  const body = typeof content === "string" ? Buffer.from(content) : content;
  return Buffer.concat([Buffer.from([...varint((field << 3) | 2), ...varint(body.length)]), body]);
}

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
