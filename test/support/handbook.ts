/** Documents of a small shop, for the views of the console. One of them contains HTML. */
export const HANDBOOK = [
  {
    id: "returns.md",
    format: "markdown",
    content:
      "# Returns\n\nYou may return a kettle within 30 days. Send it back in its box, with the receipt. We refund the price within five working days after the kettle has arrived.\n\n## Damaged kettles\n\nIf a kettle arrives damaged, take a picture and write to us within a week. We send another kettle at once, and you need not return the damaged one.",
    metadata: { topic: "returns", audience: "customers", reviewed: true, year: 2025 },
    uri: "https://example.com/handbook/returns",
  },
  {
    id: "hours.md",
    content: "The shop is open from nine to five on working days, and from ten to two on Saturdays.",
    metadata: { topic: "hours", audience: "customers", reviewed: true, year: 2024 },
  },
  {
    id: "descaling.md",
    content:
      "Descale a kettle every two months. Fill it with water and two spoons of citric acid, let it boil, wait for ten minutes, and rinse it three times.",
    metadata: { topic: "care", audience: "customers", reviewed: false, year: 2025, tags: ["kettle", "water"] },
  },
  {
    id: "warranty.md",
    content:
      "The warranty of every appliance is two years. It covers faults of material and production, and it ends if the appliance has been opened.",
    metadata: { topic: "warranty", audience: "customers", reviewed: true, year: 2023 },
  },
  {
    id: "refunds-internal.md",
    content:
      "Refund the amount to the card that was used for the purchase. Amounts above 200 need the approval of a second person. Write the number of the return into the reference.",
    metadata: { topic: "returns", audience: "staff", reviewed: false, year: 2025 },
  },
  {
    id: "markup.html",
    content: "A kettle <img src=x onerror=\"document.title='broken'\"> and <b>bold steam</b> in a text about returns.",
    metadata: { topic: "<i>markup</i>", audience: "staff" },
  },
] as const;

/** A long text whose passages overlap: the numbered rules of a kitchen. */
export const RULES = Array.from(
  { length: 60 },
  (_, n) =>
    `Rule ${n + 1}. Whoever uses the kettle number ${n + 1} fills it again, writes the time into the list next to the sink, and leaves the lid open until the steam is gone.`,
).join("\n\n");
