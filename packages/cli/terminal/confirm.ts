import { createInterface } from "node:readline/promises";

/**
 * Asks a question on the terminal and returns whether the answer is yes. Returns false without a terminal, and at the end of
 * the input (Ctrl-D), for which `question` alone would wait forever. Ctrl-C stops the command.
 */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const inputEnd = new Promise<string>((resolve) => prompt.once("close", () => resolve("")));
  prompt.once("SIGINT", () => {
    process.emit("SIGINT"); // a terminal in raw mode sends no signal
    prompt.close();
  });
  try {
    const answer = await Promise.race([prompt.question(`${question} [y/N] `), inputEnd]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    prompt.close();
  }
}
