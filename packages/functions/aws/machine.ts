export interface MachineOptions {
  /** ARN of the function that runs the steps. */
  readonly functionArn: string;
  /** Concurrent copies. An inline map runs at most 40. */
  readonly shards: number;
}

/** Transient errors: network failures, an unavailable database or server, a function that timed out. */
const TRANSIENT = [
  "source_unavailable",
  "database_unavailable",
  "database_busy",
  "database_timeout",
  "database_exhausted",
  "tenant_busy",
  "embedding_failed",
  "Lambda.ServiceException",
  "Lambda.AWSLambdaException",
  "Lambda.SdkClientException",
  "Lambda.TooManyRequestsException",
  "Lambda.Unknown",
  "Sandbox.Timedout",
  "States.Timeout",
];

/** Limit of copy rounds while Chroma gets new collections, and of index rounds while builds are interrupted. */
const MAX_ROUNDS = 10;

/** JSONata for the error message. A function's failure is JSON with a stack trace, a state's failure is plain text. */
const MESSAGE =
  "$contains($states.errorOutput.Cause, '\"errorMessage\"') ? $parse($states.errorOutput.Cause).errorMessage : $states.errorOutput.Cause";

/** Time limit of a step: the function's 15 minutes plus the time until it starts. */
const STEP_TIMEOUT_SECONDS = 920;

/**
 * The migration as a state machine in the Amazon States Language (JSONata), as a plain object: plan, copy in shards until
 * everything is compared, index, compare searches, report. States contain ids only. A permanent failure releases the run
 * with its reason and ends in a failed state, whose cause says how to continue: start the migration again.
 * Source: https://states-language.net/spec.html
 */
export function migrationMachine({ functionArn, shards }: MachineOptions) {
  const step = (name: string, payload: object, rest: object) => ({
    Type: "Task",
    Resource: "arn:aws:states:::lambda:invoke",
    Arguments: { FunctionName: functionArn, Payload: { step: name, ...payload } },
    TimeoutSeconds: STEP_TIMEOUT_SECONDS,
    Retry: [
      {
        ErrorEquals: TRANSIENT,
        IntervalSeconds: 5,
        BackoffRate: 2,
        MaxAttempts: 6,
        MaxDelaySeconds: 300,
        JitterStrategy: "FULL",
      },
    ],
    Output: "{% $states.result.Payload %}",
    ...rest,
  });
  const failure = { Assign: { cause: `{% $states.errorOutput.Error & ': ' & (${MESSAGE}) %}` } };
  const release = [
    // States.ALL does not match these two errors.
    { ErrorEquals: ["States.DataLimitExceeded", "States.Runtime"], ...failure, Next: "Release" },
    { ErrorEquals: ["States.ALL"], ...failure, Next: "Release" },
  ];
  const runState = { run: "{% $run %}", request: "{% $request %}" };
  return {
    Comment:
      "Migrates a Chroma server's tenants to Postgres and verifies the result. Start it again to continue after an interruption.",
    QueryLanguage: "JSONata",
    StartAt: "Plan",
    States: {
      Plan: step(
        "plan",
        { request: "{% $exists($states.input.request) ? $states.input.request : {} %}" },
        {
          Assign: {
            run: "{% $states.result.Payload.run %}",
            request: "{% $states.result.Payload.request %}",
            round: 1,
            building: 1,
          },
          Catch: [{ ErrorEquals: ["States.ALL"], ...failure, Next: "Refused" }],
          Next: "Copy",
        },
      ),
      Copy: {
        Type: "Map",
        Items: `{% [0..${shards - 1}] %}`,
        MaxConcurrency: shards,
        ItemSelector: { shard: "{% $states.context.Map.Item.Value %}", shards },
        ItemProcessor: {
          ProcessorConfig: { Mode: "INLINE" },
          StartAt: "Copy shard",
          States: {
            "Copy shard": step(
              "copy",
              { ...runState, shard: "{% $states.input.shard %}", shards },
              { Next: "Shard done?" },
            ),
            "Shard done?": {
              Type: "Choice",
              Choices: [{ Condition: "{% $states.input.done %}", Next: "Shard copied" }],
              Default: "Copy shard",
            },
            "Shard copied": { Type: "Succeed" },
          },
        },
        Output: {},
        Catch: release,
        Next: "Settle",
      },
      Settle: step("settle", runState, { Catch: release, Next: "Settled?" }),
      "Settled?": {
        Type: "Choice",
        Choices: [
          { Condition: "{% $states.input.settled %}", Next: "Promote" },
          { Condition: `{% $round < ${MAX_ROUNDS} %}`, Assign: { round: "{% $round + 1 %}" }, Next: "Copy" },
        ],
        Default: "Promote",
      },
      Promote: step("promote", runState, { Catch: release, Next: "Promoted?" }),
      "Promoted?": {
        Type: "Choice",
        Choices: [
          { Condition: "{% $states.input.done %}", Next: "Compare searches" },
          {
            Condition: `{% $building < ${MAX_ROUNDS} %}`,
            Assign: { building: "{% $building + 1 %}" },
            Next: "Promote",
          },
        ],
        Default: "Compare searches",
      },
      "Compare searches": step("search", runState, { Catch: release, Next: "Report" }),
      Report: step("report", runState, { Catch: release, Next: "Done" }),
      Done: { Type: "Succeed" },
      Release: step(
        "release",
        { ...runState, cause: "{% $cause %}" },
        { Catch: [{ ErrorEquals: ["States.ALL"], Next: "Failed" }], Next: "Failed" },
      ),
      Failed: {
        Type: "Fail",
        Error: "migration_failed",
        Cause: "{% $cause & ' Nothing is lost. Start the migration again to continue it.' %}",
      },
      Refused: {
        Type: "Fail",
        Error: "migration_refused",
        Cause: "{% $cause & ' Nothing was started. Correct this, then start the migration again.' %}",
      },
    },
  };
}
