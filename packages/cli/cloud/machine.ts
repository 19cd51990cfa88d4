import type { DescribeExecutionOutput, SFNClient } from "@aws-sdk/client-sfn";
import { AppError } from "@cairn/core/error.ts";

/** The migration's state machine in AWS. */
export interface Machine {
  /** Begins an execution and returns its ARN. */
  start(input: object): Promise<string>;
  /** The ARN of the execution under way, or else of the newest; undefined where there was none. */
  newest(): Promise<string | undefined>;
  describe(execution: string): Promise<DescribeExecutionOutput>;
  stop(execution: string, cause: string): Promise<void>;
}

/** Opens the machine of this ARN with the credentials of the environment, as the AWS command line does. Sends nothing. */
export async function openMachine(arn: string | undefined): Promise<Machine> {
  const [, region] = /^arn:aws[\w-]*:states:([\w-]+):\d+:stateMachine:\S+$/.exec(arn ?? "") ?? [];
  if (!arn || !region)
    throw new AppError(
      "invalid_input",
      "Say which state machine: --machine (CAIRN_MIGRATION_ARN), the address that sst deploy printed as `migration`.",
      { path: "--machine" },
    );
  // Imported where it is needed: no other command speaks to AWS.
  const sdk = await import("@aws-sdk/client-sfn");
  const client = new sdk.SFNClient({ region });
  const send = (async (command: never) => {
    try {
      return await client.send(command);
    } catch (error) {
      throw explain(error);
    }
  }) as unknown as SFNClient["send"];
  return {
    async start(input) {
      const command = new sdk.StartExecutionCommand({ stateMachineArn: arn, input: JSON.stringify(input) });
      return (await send(command)).executionArn as string;
    },
    async newest() {
      for (const statusFilter of ["RUNNING", undefined] as const) {
        const command = new sdk.ListExecutionsCommand({ stateMachineArn: arn, maxResults: 1, statusFilter });
        const [found] = (await send(command)).executions ?? [];
        if (found) return found.executionArn;
      }
      return undefined;
    },
    describe: (execution) => send(new sdk.DescribeExecutionCommand({ executionArn: execution })),
    async stop(execution, cause) {
      await send(new sdk.StopExecutionCommand({ executionArn: execution, error: "cancelled", cause }));
    },
  };
}

function explain(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (/Credentials|Token|Signature|AccessDenied/.test(error.name))
    return new AppError(
      "invalid_input",
      `AWS refuses (${error.name}): sign in, so that \`aws sts get-caller-identity\` answers, as somebody who may use this state machine.`,
      { cause: error },
    );
  if (/NotExist|DoesNotExist|InvalidArn/.test(error.name))
    return new AppError(
      "invalid_input",
      `AWS knows no such state machine (${error.name}). Check --machine.`,
      {
        path: "--machine",
        cause: error,
      },
    );
  return new AppError("source_unavailable", `AWS cannot be asked (${error.name}). Try again.`, {
    cause: error,
  });
}
