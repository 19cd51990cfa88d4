import { createInterface } from "node:readline/promises";

/**
 * Whether a person at a terminal answers a question with yes. Without a terminal nobody is asked: false. So is the end of
 * the input (Ctrl-D), for which `question` alone would wait; Ctrl-C stops the command as it does elsewhere.
 */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  const left = new Promise<string>((resolve) => asking.once("close", () => resolve("")));
  asking.once("SIGINT", () => {
    process.emit("SIGINT"); // a terminal that is read key by key sends none
    asking.close();
  });
  try {
    const answer = await Promise.race([asking.question(`${question} [y/N] `), left]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    asking.close();
  }
}
