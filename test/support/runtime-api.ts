import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Invocation {
  /** `error`: the handler threw or was interrupted. */
  readonly outcome: "response" | "error";
  readonly body: string;
  /** Whether the function streamed its response. */
  readonly streamed: boolean;
  /** Each piece of the body with the milliseconds since the function got the event. */
  readonly pieces: readonly { readonly at: number; readonly text: string }[];
}

export interface LambdaRuntime {
  /** Sends the event to the function and waits for its response. */
  invoke(event: object): Promise<Invocation>;
  /** Pauses the process, as Lambda does between two events. */
  freeze(): void;
  thaw(): void;
  /** Output of the function so far. */
  output(): string;
  stop(): Promise<void>;
}

export interface RuntimeOptions {
  /** Path of the runtime client. */
  readonly client: string;
  /** Folder of the bundle. */
  readonly folder: string;
  /** `file.export`. */
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Time limit of an event, in milliseconds. Default 29,000. */
  readonly timeout?: number;
}

const NEXT = /^\/2018-06-01\/runtime\/invocation\/next$/;
const RESPONSE = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/;

/**
 * Starts one execution environment of a Lambda function: Amazon's runtime client, which requests events from this server.
 * Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
export async function startLambda(options: RuntimeOptions): Promise<LambdaRuntime> {
  const { client, folder, handler, environment, timeout = 29_000 } = options;
  const queue: { readonly id: string; readonly event: object }[] = [];
  const invocations = new Map<string, { since: number; resolve: (invocation: Invocation) => void }>();
  let poll: ServerResponse | undefined;

  function sendNext(): void {
    const next = poll && queue.shift();
    if (!poll || !next) return;
    const invocation = invocations.get(next.id);
    if (invocation) invocation.since = performance.now();
    poll.writeHead(200, {
      "content-type": "application/json",
      "lambda-runtime-aws-request-id": next.id,
      "lambda-runtime-deadline-ms": String(Date.now() + timeout),
      "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-central-1:123456789012:function:test",
    });
    poll.end(JSON.stringify(next.event));
    poll = undefined;
  }

  async function receiveResponse(request: IncomingMessage, id: string, outcome: Invocation["outcome"]): Promise<void> {
    const invocation = invocations.get(id);
    const pieces: { at: number; text: string }[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>)
      pieces.push({ at: performance.now() - (invocation?.since ?? 0), text: chunk.toString() });
    invocations.delete(id);
    invocation?.resolve({
      outcome,
      body: pieces.map(({ text }) => text).join(""),
      streamed: request.headers["lambda-runtime-function-response-mode"] === "streaming",
      pieces,
    });
  }

  const server = createServer(async (request, response) => {
    const { url = "" } = request;
    if (NEXT.test(url)) {
      poll = response;
      return sendNext();
    }
    const [, id, kind] = RESPONSE.exec(url) ?? [];
    if (id) await receiveResponse(request, id, kind as Invocation["outcome"]);
    else request.resume(); // an initialization error; the function's output has the reason
    response.writeHead(202).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  let output = "";
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
      output += chunk;
    });
  return {
    invoke(event) {
      const id = randomUUID();
      return new Promise((resolve) => {
        invocations.set(id, { since: performance.now(), resolve });
        queue.push({ id, event });
        sendNext();
      });
    },
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    output: () => output,
    async stop() {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
