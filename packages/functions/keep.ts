/** What `open` opens for the first who asks: kept for the next ones, and tried again where that failed. */
export function keep<Given extends readonly unknown[], Opened>(
  open: (...given: Given) => Promise<Opened>,
): (...given: Given) => Promise<Opened> {
  let opening: Promise<Opened> | undefined;
  return (...given) => {
    opening ??= open(...given).catch((error) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
}
