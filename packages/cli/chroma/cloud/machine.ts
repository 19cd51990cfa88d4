import type { DescribeExecutionOutput, SFNClient } from "@aws-sdk/client-sfn";
import { AppError } from "@cairn/core/error.ts";

/** The migration's state machine in AWS. */
export type Machine = Awaited<ReturnType<typeof openMachine>>;

/**
 * Creates a client for the state machine with this ARN. It uses the credentials of the environment, as the AWS command line
 * does, and sends no request. Throws `invalid_input` if the ARN is not one of a state machine.
 */
export async function openMachine(arn: string | undefined) {
  const [, region] = /^arn:aws[\w-]*:states:([\w-]+):\d+:stateMachine:\S+$/.exec(arn ?? "") ?? [];
  if (!arn || !region)
    throw new AppError(
      "invalid_input",
      "The state machine is not set, or its ARN is not valid. Set --machine (CAIRN_MIGRATION_ARN) to the ARN that sst deploy printed as `migration`.",
      { path: "--machine" },
    );
  // Loaded here, because no other command uses AWS.
  const sdk = await import("@aws-sdk/client-sfn");
  const client = new sdk.SFNClient({ region });
  const send = (async (command: never) => {
    try {
      return await client.send(command);
    } catch (error) {
      throw toAppError(error);
    }
  }) as unknown as SFNClient["send"];
  return {
    /** Starts an execution and returns its ARN. */
    async start(input: object): Promise<string> {
      const command = new sdk.StartExecutionCommand({ stateMachineArn: arn, input: JSON.stringify(input) });
      return (await send(command)).executionArn as string;
    },
    /** Returns the ARN of the running execution, or else of the newest one; undefined if there is none. */
    async newest(): Promise<string | undefined> {
      for (const statusFilter of ["RUNNING", undefined] as const) {
        const command = new sdk.ListExecutionsCommand({ stateMachineArn: arn, maxResults: 1, statusFilter });
        const [found] = (await send(command)).executions ?? [];
        if (found) return found.executionArn;
      }
      return undefined;
    },
    describe: (execution: string): Promise<DescribeExecutionOutput> =>
      send(new sdk.DescribeExecutionCommand({ executionArn: execution })),
    async stop(execution: string, cause: string): Promise<void> {
      await send(new sdk.StopExecutionCommand({ executionArn: execution, error: "cancelled", cause }));
    },
  };
}

function toAppError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (/Credentials|Token|Signature|AccessDenied/.test(error.name))
    return new AppError(
      "invalid_input",
      `AWS refused the request (${error.name}). Sign in as a user who can use this state machine, and check with \`aws sts get-caller-identity\`.`,
      { cause: error },
    );
  if (/NotExist|DoesNotExist|InvalidArn/.test(error.name))
    return new AppError("invalid_input", `AWS has no such state machine (${error.name}). Check --machine.`, {
      path: "--machine",
      cause: error,
    });
  return new AppError("source_unavailable", `The request to AWS failed (${error.name}). Try again.`, {
    cause: error,
  });
}
