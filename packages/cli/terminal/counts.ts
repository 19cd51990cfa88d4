/** A number with its noun: `1 document`, `2 documents`. `plural`: where it is not made by an s. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}
