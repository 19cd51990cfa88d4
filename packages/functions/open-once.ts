/** A function that calls `open` once and returns its result to every caller. A failed call is repeated by the next caller. */
export function openOnce<Args extends readonly unknown[], Opened>(
  open: (...args: Args) => Promise<Opened>,
): (...args: Args) => Promise<Opened> {
  let opening: Promise<Opened> | undefined;
  return (...args) => {
    opening ??= open(...args).catch((error) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
}
