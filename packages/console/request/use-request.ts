import { useEffect, useRef, useState } from "preact/hooks";

export interface RequestState<T> {
  /** The newest response. It stays while a newer one is requested. */
  readonly data: T | undefined;
  /** Why the last request failed. */
  readonly error: unknown;
  readonly isLoading: boolean;
  /** Requests again. */
  readonly reload: () => void;
}

export interface RequestOptions {
  /** Milliseconds between two requests while the page is visible. Default: one request only. */
  readonly everyMs?: number;
}

/** Requests when the component appears and when one of `inputs` changes. A response of earlier inputs is ignored. */
export function useRequest<T>(
  load: () => Promise<T>,
  inputs: readonly unknown[],
  { everyMs }: RequestOptions = {},
): RequestState<T> {
  const [state, setState] = useState<Omit<RequestState<T>, "reload">>(LOADING);
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const reload = () => setTurn((value) => value + 1);
  useEffect(() => setState(LOADING), inputs);
  useEffect(() => {
    let isCurrent = true;
    latest.current().then(
      (data) => isCurrent && setState({ data, error: undefined, isLoading: false }),
      (error: unknown) => isCurrent && setState(({ data }) => ({ data, error, isLoading: false })),
    );
    return () => {
      isCurrent = false;
    };
  }, [...inputs, turn]);
  useEffect(() => {
    if (everyMs === undefined) return;
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return { ...state, reload };
}

const LOADING = { data: undefined, error: undefined, isLoading: true } as const;
