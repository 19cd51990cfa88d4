import jsonata from "jsonata";
import pLimit from "p-limit";

// Runs a state machine in the Amazon States Language with JSONata. Implements the part of the language that the migration uses.
// Source: https://states-language.net/spec.html

interface Catcher {
  readonly ErrorEquals: readonly string[];
  readonly Assign?: object;
  readonly Next: string;
}

interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly MaxAttempts: number;
}

export interface State {
  readonly Type: string;
  readonly Next?: string;
  readonly Arguments?: object;
  readonly Output?: unknown;
  readonly Assign?: object;
  readonly Retry?: readonly Retrier[];
  readonly Catch?: readonly Catcher[];
  readonly Choices?: readonly {
    readonly Condition: string;
    readonly Next: string;
    readonly Assign?: object;
  }[];
  readonly Default?: string;
  readonly Items?: string;
  readonly ItemSelector?: object;
  readonly ItemProcessor?: Machine;
  readonly MaxConcurrency?: number;
  readonly Error?: string;
  readonly Cause?: string;
}

export interface Machine {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

export interface Execution {
  readonly status: "SUCCEEDED" | "FAILED";
  readonly output?: unknown;
  readonly error?: string;
  readonly cause?: string;
  /** Events in the execution history. AWS's limit is 25,000. */
  readonly events: number;
  /** Bytes of the largest input, output or payload. AWS's limit is 262,144. */
  readonly largest: number;
  /** Names of the entered states, in order. */
  readonly path: readonly string[];
}

type Variables = Readonly<Record<string, unknown>>;

/** An error with a name, which states match. */
export class StateError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** The function that a Lambda task calls. */
export type Invoke = (payload: unknown) => Promise<unknown>;

/** Runs a machine to its end. All tasks call `invoke`; retries do not wait. */
export async function runMachine(machine: object, input: unknown, invoke: Invoke): Promise<Execution> {
  const history = { events: 2, largest: 0, path: [] as string[] };
  const recordSize = <T>(value: T): T => {
    history.largest = Math.max(history.largest, Buffer.byteLength(JSON.stringify(value) ?? ""));
    return value;
  };

  async function run(
    { StartAt, States }: Machine,
    input: unknown,
    outer: Variables,
    context: object,
  ): Promise<unknown> {
    let variables: Variables = { ...outer };
    let current = input;
    for (let name: string | undefined = StartAt; name !== undefined; ) {
      const state: State = States[name] as State;
      history.path.push(name);
      history.events += 2; // state entered, state exited
      const scope = (results: object) => ({ ...variables, states: { input: current, context, ...results } });
      const assign = async (values: object | undefined, results: object) => {
        if (values) variables = { ...variables, ...((await evaluate(values, scope(results))) as object) };
      };
      if (state.Type === "Succeed") return current;
      if (state.Type === "Fail")
        throw new StateError(state.Error ?? "", String(await evaluate(state.Cause ?? "", scope({}))));
      if (state.Type === "Choice") {
        let next = state.Default;
        for (const choice of state.Choices ?? [])
          if (await evaluate(choice.Condition, scope({}))) {
            await assign(choice.Assign, {});
            next = choice.Next;
            break;
          }
        name = next;
        continue;
      }
      try {
        const result = await withRetries(state, () => work(state, scope, variables));
        const results = { result };
        const output = state.Output === undefined ? result : await evaluate(state.Output, scope(results));
        await assign(state.Assign, results);
        current = recordSize(output);
        name = state.Next;
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        const catcher = state.Catch?.find(({ ErrorEquals }) => matches(ErrorEquals, error.name));
        if (!catcher) throw error;
        const errorOutput = { Error: error.name, Cause: error.message };
        await assign(catcher.Assign, { errorOutput });
        current = errorOutput;
        name = catcher.Next;
      }
    }
    return current;
  }

  async function work(state: State, scope: (results: object) => object, variables: Variables): Promise<unknown> {
    if (state.Type === "Task") {
      history.events += 3; // scheduled, started, succeeded
      const { Payload } = (await evaluate(state.Arguments, scope({}))) as { readonly Payload: unknown };
      const result = await invoke(recordSize(Payload)).catch((error: Error) => {
        // The format in which Lambda reports a function's failure.
        const { name: errorType, message: errorMessage, stack = "" } = error;
        throw new StateError(errorType, JSON.stringify({ errorType, errorMessage, trace: stack.split("\n") }));
      });
      return { Payload: recordSize(JSON.parse(JSON.stringify(result))) };
    }
    if (state.Type !== "Map" || !state.ItemProcessor)
      throw new StateError("States.Runtime", `The state type ${state.Type} is not implemented.`);
    const items = (await evaluate(state.Items, scope({}))) as readonly unknown[];
    const limit = pLimit(state.MaxConcurrency || 1);
    const { ItemProcessor: processor, ItemSelector: selector } = state;
    const iterations = await Promise.allSettled(
      items.map((value, index) =>
        limit(async () => {
          history.events += 2; // iteration started, succeeded
          const context = { Map: { Item: { Value: value, Index: index } } };
          const item = selector ? await evaluate(selector, { ...variables, states: { context } }) : value;
          return run(processor, item, variables, context);
        }),
      ),
    );
    for (const iteration of iterations) if (iteration.status === "rejected") throw iteration.reason;
    return iterations.map((iteration) => (iteration as PromiseFulfilledResult<unknown>).value);
  }

  try {
    const output = await run(machine as Machine, recordSize(input), {}, {});
    return { status: "SUCCEEDED", output, ...history };
  } catch (error) {
    const { name, message } = error as Error;
    return { status: "FAILED", error: name, cause: message, ...history };
  }
}

async function withRetries<T>({ Retry = [] }: State, work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const retrier = Retry.find(({ ErrorEquals }) => matches(ErrorEquals, (error as Error).name));
      if (!retrier || attempt >= retrier.MaxAttempts) throw error;
    }
  }
}

function matches(names: readonly string[], name: string): boolean {
  return names.includes(name) || (names.includes("States.ALL") && !/^States\.(DataLimitExceeded|Runtime)$/.test(name));
}

/** Evaluates every {% … %} expression in a value. */
async function evaluate(value: unknown, scope: object): Promise<unknown> {
  if (typeof value === "string") {
    const [, expression] = /^\{%([\s\S]*)%\}$/.exec(value) ?? [];
    if (expression === undefined) return value;
    const compiled = jsonata(expression);
    compiled.registerFunction("parse", JSON.parse); // a function that Step Functions adds to JSONata
    const result = await compiled.evaluate(undefined, scope as Record<string, unknown>);
    return result === undefined ? undefined : JSON.parse(JSON.stringify(result));
  }
  if (Array.isArray(value)) return Promise.all(value.map((item) => evaluate(item, scope)));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(async ([key, item]) => [key, await evaluate(item, scope)] as const);
  return Object.fromEntries(await Promise.all(entries));
}
