/** Formats a number with its noun: `1 document`, `2 documents`. `plural` is for nouns whose plural is not formed with an s. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}
