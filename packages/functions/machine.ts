export interface MachineOptions {
  /** Of the function that runs the steps. */
  readonly functionArn: string;
  /** Copies at once. Default 4; an inline map runs 40 at most. */
  readonly shards?: number;
}

/** What passes by itself: the network, the database or a server asleep, a function that was cut off. */
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

/** Rounds over the shards while Chroma makes new collections, and over the indexes while one is broken off. */
const ROUNDS = 10;

/** What went wrong: a function's failure is JSON with a trace, a state's own is a sentence. */
const MESSAGE =
  "$contains($states.errorOutput.Cause, '\"errorMessage\"') ? $parse($states.errorOutput.Cause).errorMessage : $states.errorOutput.Cause";

/** Seconds of a step: the function's own 15 minutes and the wait for it. */
const STEP_SECONDS = 920;

/**
 * The migration as a state machine of Amazon's States Language (JSONata), a plain object: plan, copy in shards until all is
 * compared, index, compare searches, report. A state holds ids only; what fails for good gives the run back with its
 * reason, and ends in a failed state that says how to go on: start it again.
 * Source: https://states-language.net/spec.html
 */
export function migrationMachine({ functionArn, shards = 4 }: MachineOptions) {
  const step = (name: string, payload: object, rest: object) => ({
    Type: "Task",
    Resource: "arn:aws:states:::lambda:invoke",
    Arguments: { FunctionName: functionArn, Payload: { step: name, ...payload } },
    TimeoutSeconds: STEP_SECONDS,
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
    // States.ALL does not cover these two.
    { ErrorEquals: ["States.DataLimitExceeded", "States.Runtime"], ...failure, Next: "Release" },
    { ErrorEquals: ["States.ALL"], ...failure, Next: "Release" },
  ];
  const held = { run: "{% $run %}", request: "{% $request %}" };
  return {
    Comment:
      "Takes a Chroma server's tenants into Postgres, and proves it. Start it again to go on where it was.",
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
              { ...held, shard: "{% $states.input.shard %}", shards },
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
      Settle: step("settle", held, { Catch: release, Next: "Settled?" }),
      "Settled?": {
        Type: "Choice",
        Choices: [
          { Condition: "{% $states.input.settled %}", Next: "Promote" },
          { Condition: `{% $round < ${ROUNDS} %}`, Assign: { round: "{% $round + 1 %}" }, Next: "Copy" },
        ],
        Default: "Promote",
      },
      Promote: step("promote", held, { Catch: release, Next: "Promoted?" }),
      "Promoted?": {
        Type: "Choice",
        Choices: [
          { Condition: "{% $states.input.done %}", Next: "Compare searches" },
          {
            Condition: `{% $building < ${ROUNDS} %}`,
            Assign: { building: "{% $building + 1 %}" },
            Next: "Promote",
          },
        ],
        Default: "Compare searches",
      },
      "Compare searches": step("search", held, { Catch: release, Next: "Report" }),
      Report: step("report", held, { Catch: release, Next: "Done" }),
      Done: { Type: "Succeed" },
      Release: step(
        "release",
        { ...held, cause: "{% $cause %}" },
        { Catch: [{ ErrorEquals: ["States.ALL"], Next: "Failed" }], Next: "Failed" },
      ),
      Failed: {
        Type: "Fail",
        Error: "migration_failed",
        Cause: "{% $cause & ' Nothing is lost: start the migration again, and it goes on where it was.' %}",
      },
      Refused: {
        Type: "Fail",
        Error: "migration_refused",
        Cause: "{% $cause & ' Nothing was begun: put that right, and start the migration again.' %}",
      },
    },
  };
}
