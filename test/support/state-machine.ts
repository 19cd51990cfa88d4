import jsonata from "jsonata";
import pLimit from "p-limit";

// Runs a state machine of Amazon's States Language with JSONata: as much of the language as the migration uses.
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
  /** Entries in the history that AWS would keep: 25,000 at most. */
  readonly events: number;
  /** Bytes of the largest input, output or payload: 262,144 at most. */
  readonly largest: number;
  /** States in the order in which they were entered. */
  readonly path: readonly string[];
}

type Variables = Readonly<Record<string, unknown>>;

/** Fails a state by its name. */
export class StateError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** What a Lambda task calls. */
export type Invoke = (payload: unknown) => Promise<unknown>;

/** Runs a machine to its end. `invoke` is every function; retries wait for nothing. */
export async function runMachine(machine: object, input: unknown, invoke: Invoke): Promise<Execution> {
  const seen = { events: 2, largest: 0, path: [] as string[] };
  const measured = <T>(value: T): T => {
    seen.largest = Math.max(seen.largest, Buffer.byteLength(JSON.stringify(value) ?? ""));
    return value;
  };

  async function run(
    { StartAt, States }: Machine,
    given: unknown,
    outer: Variables,
    context: object,
  ): Promise<unknown> {
    let variables: Variables = { ...outer };
    let current = given;
    for (let name: string | undefined = StartAt; name !== undefined; ) {
      const state: State = States[name] as State;
      seen.path.push(name);
      seen.events += 2; // entered, exited
      const scope = (more: object) => ({ ...variables, states: { input: current, context, ...more } });
      const assign = async (values: object | undefined, more: object) => {
        if (values) variables = { ...variables, ...((await evaluate(values, scope(more))) as object) };
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
        const result = await retried(state, () => work(state, scope, variables));
        const more = { result };
        const output = state.Output === undefined ? result : await evaluate(state.Output, scope(more));
        await assign(state.Assign, more);
        current = measured(output);
        name = state.Next;
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        const caught = state.Catch?.find(({ ErrorEquals }) => matches(ErrorEquals, error.name));
        if (!caught) throw error;
        const errorOutput = { Error: error.name, Cause: error.message };
        await assign(caught.Assign, { errorOutput });
        current = errorOutput;
        name = caught.Next;
      }
    }
    return current;
  }

  async function work(state: State, scope: (more: object) => object, variables: Variables): Promise<unknown> {
    if (state.Type === "Task") {
      seen.events += 3; // scheduled, started, succeeded
      const { Payload } = (await evaluate(state.Arguments, scope({}))) as { readonly Payload: unknown };
      const answer = await invoke(measured(Payload)).catch((error: Error) => {
        // As Lambda tells of a function's failure.
        const { name: errorType, message: errorMessage, stack = "" } = error;
        throw new StateError(
          errorType,
          JSON.stringify({ errorType, errorMessage, trace: stack.split("\n") }),
        );
      });
      return { Payload: measured(JSON.parse(JSON.stringify(answer))) };
    }
    if (state.Type !== "Map" || !state.ItemProcessor)
      throw new StateError("States.Runtime", `No ${state.Type} here.`);
    const items = (await evaluate(state.Items, scope({}))) as readonly unknown[];
    const limit = pLimit(state.MaxConcurrency || 1);
    const { ItemProcessor: processor, ItemSelector: selector } = state;
    const ended = await Promise.allSettled(
      items.map((value, index) =>
        limit(async () => {
          seen.events += 2; // iteration started, succeeded
          const context = { Map: { Item: { Value: value, Index: index } } };
          const item = selector ? await evaluate(selector, { ...variables, states: { context } }) : value;
          return run(processor, item, variables, context);
        }),
      ),
    );
    for (const one of ended) if (one.status === "rejected") throw one.reason;
    return ended.map((one) => (one as PromiseFulfilledResult<unknown>).value);
  }

  try {
    const output = await run(machine as Machine, measured(input), {}, {});
    return { status: "SUCCEEDED", output, ...seen };
  } catch (error) {
    const { name, message } = error as Error;
    return { status: "FAILED", error: name, cause: message, ...seen };
  }
}

async function retried<T>({ Retry = [] }: State, work: () => Promise<T>): Promise<T> {
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
  return (
    names.includes(name) ||
    (names.includes("States.ALL") && !/^States\.(DataLimitExceeded|Runtime)$/.test(name))
  );
}

/** Evaluates every {% … %} within a value. */
async function evaluate(value: unknown, scope: object): Promise<unknown> {
  if (typeof value === "string") {
    const [, expression] = /^\{%([\s\S]*)%\}$/.exec(value) ?? [];
    if (expression === undefined) return value;
    const compiled = jsonata(expression);
    compiled.registerFunction("parse", JSON.parse); // Step Functions' own
    const result = await compiled.evaluate(undefined, scope as Record<string, unknown>);
    return result === undefined ? undefined : JSON.parse(JSON.stringify(result));
  }
  if (Array.isArray(value)) return Promise.all(value.map((item) => evaluate(item, scope)));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(
    async ([key, item]) => [key, await evaluate(item, scope)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}
