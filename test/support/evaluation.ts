import type { Question } from "@cairn/core/evaluation/question.ts";

/** Documents of a small knowledge base. */
export const KNOWLEDGE = [
  { id: "returns", content: "You may return a kettle within thirty days for a refund.", metadata: { topic: "orders" } },
  { id: "shipping", content: "Shipping a parcel takes two weeks to an island.", metadata: { topic: "orders" } },
  {
    id: "warranty",
    content: "The warranty of a kettle covers its heating element for two years.",
    metadata: { topic: "care" },
  },
  { id: "cleaning", content: "Clean the kettle with vinegar and rinse it twice.", metadata: { topic: "care" } },
  { id: "jobs", content: "We hire engineers and potters in Lisbon.", metadata: { topic: "company" } },
] as const;

const question = (
  id: string,
  text: string,
  relevant: Readonly<Record<string, number>>,
  filter?: unknown,
): Question => ({
  id,
  text,
  grades: new Map(Object.entries(relevant)),
  ...(filter === undefined ? {} : { filter }),
});

/** Questions about it. */
export const QUESTIONS: readonly Question[] = [
  question("1", "return a kettle within thirty days", { returns: 3, warranty: 1 }),
  question("2", "shipping takes two weeks", { shipping: 2 }),
  question("3", "clean the kettle with vinegar", { cleaning: 2, warranty: 1 }),
  question("4", "do you hire potters", { jobs: 1 }),
  question("5", "warranty of the kettle", { warranty: 1 }, { topic: "care" }),
];
