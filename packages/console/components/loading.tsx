/** Shown until the first response. It appears after a moment, so that a fast response does not flicker. */
export function Loading({ what }: { readonly what: string }) {
  return (
    <p class="loading" role="status">
      Loading {what.toLowerCase()} …
    </p>
  );
}
