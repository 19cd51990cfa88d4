import { describe, expect, test } from "vitest";
import { readQrels, readQuestions } from "./read-questions.ts";

const lines = (...all: readonly string[]) => ({ file: "questions.jsonl", text: all.join("\n") });

test("JSON Lines name relevant documents as ids, as grades by id, or as objects", () => {
  const { questions } = readQuestions(
    lines(
      '{"question": "How long may I return a kettle?", "relevant": ["returns"]}',
      "",
      '{"id": "b", "query": "Shipping?", "relevant": {"shipping": 3, "costs": 1}, "filter": {"lang": "en"}}',
      '{"id": 7, "text": "Who?", "relevant": [{"id": "team", "grade": 2}, {"id": "about"}]}',
    ),
  );
  expect(questions).toEqual([
    { id: "1", text: "How long may I return a kettle?", grades: new Map([["returns", 1]]) },
    {
      id: "b",
      text: "Shipping?",
      grades: new Map([
        ["shipping", 3],
        ["costs", 1],
      ]),
      filter: { lang: "en" },
    },
    {
      id: "7",
      text: "Who?",
      grades: new Map([
        ["team", 2],
        ["about", 1],
      ]),
    },
  ]);
});

test("TREC qrels judge the questions of a TSV file; questions without a relevant document are left out and counted", () => {
  const judgements = readQrels({ file: "qrels.txt", text: "1 0 doc-a 2\n1 0 doc-b 0\n2 0 doc-a 0\n" });
  const read = readQuestions(
    { file: "queries.tsv", text: "1\twhat is lift\r\n2\twhat is drag\r\n3\twhat is thrust\r\n" },
    judgements,
  );
  expect(read).toEqual({
    questions: [
      {
        id: "1",
        text: "what is lift",
        grades: new Map([
          ["doc-a", 2],
          ["doc-b", 0],
        ]),
      },
    ],
    unjudged: 2,
  });
});

test("qrels of three columns may have a header, and codes may count down to the one that means not relevant", () => {
  const text = "query-id\tcorpus-id\tscore\n1\t184\t1\n1\t29\t5\n";
  expect(readQrels({ file: "qrels.tsv", text }, { worst: 5 })).toEqual(
    new Map([
      [
        "1",
        new Map([
          ["184", 4],
          ["29", 0],
        ]),
      ],
    ]),
  );
});

describe("an error names file, line and field", () => {
  const good = '{"question": "q", "relevant": ["a"]}';
  test.for([
    ["{}", "questions.jsonl, line 2: the field question must be a string."],
    ['{"question": "q"}', "questions.jsonl, line 2: the field relevant must be a list of ids"],
    ['{"question": "q", "relevant": []}', "line 2: the field relevant must have a document with a positive grade."],
    ['{"question": "q", "relevant": {"a": "x"}}', 'line 2: the field relevant must grade "a" with a number'],
    ['{"question": "q", "relevant": ["a", "a"]}', 'line 2: the field relevant must not name "a" twice.'],
    ['{"question": " ", "relevant": ["a"]}', "line 2: the field question must have 1 to 10000 characters."],
    ['{"question": "q", "relevant": ["a"], "filter": 3}', "line 2: the field filter must be an object."],
    ['{"id": "1", "question": "q", "relevant": ["a"]}', 'line 2: the field id is "1", as in an earlier line.'],
    ["{", "questions.jsonl, line 2: not JSON"],
    ["[]", "questions.jsonl, line 2: must be a JSON object."],
  ] as const)("%s", ([line, message]) => {
    expect(() => readQuestions(lines(good, line))).toThrow(message);
  });

  test.for([
    ["1 0 a 1\n1 0 a\n1 0 b high", 'qrels, line 2: the field grade must be a number, not "a".'],
    ["1 0 a 1\n1 a b c d", "qrels, line 2: the field grade is missing: the line has 5 columns, not 3 or 4."],
    ["1\ta\t1\n\ta\t1", "qrels, line 2: the field question is empty."],
    ["1\ta\t1\n1\t\t1", "qrels, line 2: the field document is empty."],
  ] as const)("of qrels: %s", ([text, message]) => {
    expect(() => readQrels({ file: "qrels", text })).toThrow(message);
  });

  test("of a TSV file without judgements", () => {
    expect(() => readQuestions({ file: "q.tsv", text: "1\twhat" })).toThrow(
      "q.tsv, line 1: the field relevant is missing",
    );
    expect(() => readQuestions({ file: "q.tsv", text: "what" }, new Map())).toThrow(
      "q.tsv, line 1: the field question is missing",
    );
  });
});
