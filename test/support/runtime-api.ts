import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Invocation {
  /** `error`: the handler threw, or was cut off. */
  readonly outcome: "response" | "error";
  readonly body: string;
  /** Whether the function sent its answer as a stream. */
  readonly streamed: boolean;
  /** When each piece of the body came, in milliseconds since the event was handed out. */
  readonly pieces: readonly { readonly at: number; readonly text: string }[];
}

export interface LambdaRuntime {
  /** Hands the event to the function, and waits for what it answers. */
  invoke(event: object): Promise<Invocation>;
  /** What Lambda does to an environment between two events: nothing in it runs. */
  freeze(): void;
  thaw(): void;
  /** What the function printed so far. */
  output(): string;
  stop(): Promise<void>;
}

export interface RuntimeOptions {
  /** The runtime client's executable. */
  readonly client: string;
  /** Where the bundle lies. */
  readonly folder: string;
  /** `file.export`. */
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Milliseconds of an event. Default 29,000. */
  readonly timeout?: number;
}

const NEXT = /^\/2018-06-01\/runtime\/invocation\/next$/;
const ANSWER = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/;

/**
 * One environment of a Lambda function: Amazon's own runtime client, which asks this for events.
 * Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
export async function startLambda(options: RuntimeOptions): Promise<LambdaRuntime> {
  const { client, folder, handler, environment, timeout = 29_000 } = options;
  const waiting: { readonly id: string; readonly event: object }[] = [];
  const answers = new Map<string, { since: number; resolve: (invocation: Invocation) => void }>();
  let ask: ServerResponse | undefined;

  function handOut(): void {
    const next = ask && waiting.shift();
    if (!ask || !next) return;
    const answer = answers.get(next.id);
    if (answer) answer.since = performance.now();
    ask.writeHead(200, {
      "content-type": "application/json",
      "lambda-runtime-aws-request-id": next.id,
      "lambda-runtime-deadline-ms": String(Date.now() + timeout),
      "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-central-1:123456789012:function:test",
    });
    ask.end(JSON.stringify(next.event));
    ask = undefined;
  }

  async function take(request: IncomingMessage, id: string, outcome: Invocation["outcome"]): Promise<void> {
    const answer = answers.get(id);
    const pieces: { at: number; text: string }[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>)
      pieces.push({ at: performance.now() - (answer?.since ?? 0), text: chunk.toString() });
    answers.delete(id);
    answer?.resolve({
      outcome,
      body: pieces.map(({ text }) => text).join(""),
      streamed: request.headers["lambda-runtime-function-response-mode"] === "streaming",
      pieces,
    });
  }

  const server = createServer(async (request, response) => {
    const { url = "" } = request;
    if (NEXT.test(url)) {
      ask = response;
      return handOut();
    }
    const [, id, kind] = ANSWER.exec(url) ?? [];
    if (id) await take(request, id, kind as Invocation["outcome"]);
    else request.resume(); // a function that could not be loaded: its output says why
    response.writeHead(202).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  let printed = "";
  const child: ChildProcess = spawn(process.execPath, [client, handler], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      LAMBDA_TASK_ROOT: folder,
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_LAMBDA_FUNCTION_NAME: "test",
      AWS_LAMBDA_FUNCTION_VERSION: "1",
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "1024",
      AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/test",
      AWS_LAMBDA_LOG_STREAM_NAME: "test",
      ...environment,
    },
  });
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => {
      printed += chunk;
    });
  return {
    invoke(event) {
      const id = randomUUID();
      return new Promise((resolve) => {
        answers.set(id, { since: performance.now(), resolve });
        waiting.push({ id, event });
        handOut();
      });
    },
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    output: () => printed,
    async stop() {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
