interface ProblemProps {
  readonly error: unknown;
  /** Offers to try again. */
  readonly retry?: () => void;
}

/** Says what could not be done and why, in the words of the service. */
export function Problem({ error, retry }: ProblemProps) {
  return (
    <div class="problem" role="alert">
      <p>{messageOf(error)}</p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** What went wrong, for people. */
export function messageOf(error: unknown): string {
  if (error instanceof TypeError) return "The service does not respond. Check the connection, and that it is running.";
  return error instanceof Error ? error.message : String(error);
}
