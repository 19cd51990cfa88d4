import type { Problem } from "@cairn/api/problem.ts";
import { CairnError, type Client } from "@cairn/client/client.ts";
import { parseLossless } from "@cairn/client/lossless-json.ts";
import type { InferResponseType } from "hono/client";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Filter } from "../../components/filter/condition.ts";
import { stringifyValue } from "../../components/stringify-value.ts";
import { send } from "../../request/client.ts";
import { readEvents } from "../../request/follow-job.ts";

type Done = Extract<InferResponseType<Client["v1"]["chat"]["$post"]>, { readonly answer: unknown }>;

export type Citation = Done["citations"][number];

/** A question and what is known of its answer. */
export interface Turn {
  readonly question: string;
  /** The text so far. */
  readonly answer: string;
  /** Passages that the searches found so far; after the end, only the cited ones. */
  readonly passages: readonly Citation[];
  readonly searches: readonly string[];
  readonly state: "running" | "done" | "failed";
  /** The answer is incomplete. */
  readonly isTruncated?: boolean;
  readonly error?: unknown;
}

interface Scope {
  readonly collection: string;
  readonly filter: Filter | undefined;
}

/** A conversation with the chat model. Answers appear while they are written. */
export function useConversation({ collection, filter }: Scope) {
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);
  const update = (change: (turn: Turn) => Turn) =>
    setTurns((all) => all.map((turn, index) => (index === all.length - 1 ? change(turn) : turn)));
  const ask = (question: string) => {
    const body = stringifyValue({ messages: toMessages(turns, question), collection, filter, stream: true });
    setTurns([...turns, { question, answer: "", passages: [], searches: [], state: "running" }]);
    const { signal } = stop.current;
    follow(body, { update, signal }).catch((error: unknown) => {
      if (!signal.aborted) update((turn) => ({ ...turn, state: "failed", error }));
    });
  };
  const clear = () => {
    stop.current.abort();
    stop.current = new AbortController();
    setTurns([]);
  };
  return { turns, ask, clear, isBusy: turns.at(-1)?.state === "running" };
}

interface Following {
  readonly update: (change: (turn: Turn) => Turn) => void;
  readonly signal: AbortSignal;
}

async function follow(body: string, { update, signal }: Following): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  const response = await send("/v1/chat", { as: "tenant", method: "POST", headers, body, signal });
  if (!response.ok) throw new CairnError((await response.json()) as Problem);
  for await (const { event, data } of readEvents(response)) {
    if (signal.aborted) return;
    if (event === "error") throw new CairnError(JSON.parse(data) as Problem);
    const value = parseLossless(data) as never;
    update((turn) => ({ ...turn, ...applyEvent(turn, event, value) }));
  }
}

type EventData = { readonly text: string; readonly query: string; readonly passages: readonly Citation[] } & Done;

function applyEvent(turn: Turn, event: string, data: EventData): Partial<Turn> {
  if (event === "delta") return { answer: turn.answer + data.text };
  if (event === "restart") return { answer: data.text };
  if (event === "passages")
    return { passages: [...turn.passages, ...data.passages], searches: [...turn.searches, data.query] };
  if (event === "done")
    return { answer: data.answer, passages: data.citations, isTruncated: data.truncated, state: "done" };
  return {};
}

/** The conversation as the API takes it. Questions without an answer are left out. */
function toMessages(turns: readonly Turn[], question: string) {
  const answered = turns.filter(({ state, answer }) => state === "done" && answer !== "");
  const before = answered.flatMap((turn) => [
    { role: "user", content: turn.question },
    { role: "assistant", content: turn.answer },
  ]);
  return [...before, { role: "user", content: question }];
}
