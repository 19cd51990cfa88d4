import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { type Invoke, runMachine } from "./state-machine.ts";

export interface StepFunctions {
  readonly url: string;
  readonly machineArn: string;
  /** Inputs of the executions, oldest first. */
  readonly inputs: readonly object[];
  /** Resolves when no execution is running. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

interface StartedExecution {
  readonly executionArn: string;
  readonly startDate: number;
  status: "RUNNING" | "SUCCEEDED" | "FAILED" | "ABORTED";
  output?: string;
  error?: string;
  cause?: string;
}

const ACCOUNT = "arn:aws:states:eu-central-1:123456789012";

/** A fake of Step Functions that runs the machine. It implements the part of the JSON protocol that the command line uses. */
export async function startStepFunctions(machine: object, invoke: Invoke): Promise<StepFunctions> {
  const machineArn = `${ACCOUNT}:stateMachine:Migration`;
  const executions: StartedExecution[] = [];
  const inputs: object[] = [];
  const running = new Set<Promise<void>>();

  function start(input: object): StartedExecution {
    const execution: StartedExecution = {
      executionArn: `${ACCOUNT}:execution:Migration:${randomUUID()}`,
      startDate: Date.now() / 1000,
      status: "RUNNING",
    };
    const work = runMachine(machine, input, invoke)
      .then(({ status, output, error, cause }) => {
        if (execution.status !== "RUNNING") return;
        Object.assign(execution, { status, error, cause, output: JSON.stringify(output) });
      })
      .finally(() => running.delete(work));
    running.add(work);
    inputs.push(input);
    executions.unshift(execution);
    return execution;
  }

  const find = (arn: string) => executions.find(({ executionArn }) => executionArn === arn);
  const actions: Readonly<Record<string, (parameters: Record<string, string>) => object | undefined>> = {
    StartExecution: ({ stateMachineArn, input = "{}" }) =>
      stateMachineArn === machineArn ? start(JSON.parse(input)) : undefined,
    ListExecutions: ({ stateMachineArn, statusFilter }) =>
      stateMachineArn === machineArn
        ? {
            executions: executions.filter(({ status }) => !statusFilter || status === statusFilter).slice(0, 1),
          }
        : undefined,
    DescribeExecution: ({ executionArn = "" }) => find(executionArn),
    StopExecution: ({ executionArn = "", cause, error }) => {
      const execution = find(executionArn);
      return execution && Object.assign(execution, { status: "ABORTED", cause, error, stopDate: Date.now() / 1000 });
    },
  };
  const server = createServer(async (request, response) => {
    const parameters = (await json(request)) as Record<string, string>;
    const [, action = ""] = String(request.headers["x-amz-target"]).split(".");
    const result = actions[action]?.(parameters);
    response
      .writeHead(result ? 200 : 400, { "content-type": "application/x-amz-json-1.0" })
      .end(JSON.stringify(result ?? { __type: "com.amazonaws.states#StateMachineDoesNotExist" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    machineArn,
    inputs,
    async settled() {
      await Promise.all(running);
    },
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
