import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

export interface SqsServer {
  readonly url: string;
  /** Bodies of the messages in the queue `jobs`. */
  readonly messages: string[];
  /** Bodies of the messages in the queue `dead`. */
  readonly dead: string[];
  stop(): Promise<void>;
}

/** A fake of SQS on loopback with two queues. It implements SendMessage of the JSON protocol, which is all the service uses. */
export async function startSqs(): Promise<SqsServer> {
  const messages: string[] = [];
  const dead: string[] = [];
  const server = createServer(async (request, response) => {
    const { MessageBody, QueueUrl } = (await json(request)) as Record<"MessageBody" | "QueueUrl", string>;
    const type = "application/x-amz-json-1.0";
    if (request.headers["x-amz-target"] !== "AmazonSQS.SendMessage") {
      response.writeHead(400, { "content-type": type }).end('{"__type":"com.amazonaws.sqs#UnsupportedOperation"}');
      return;
    }
    (QueueUrl.endsWith("/dead") ? dead : messages).push(MessageBody);
    const result = {
      MessageId: crypto.randomUUID(),
      MD5OfMessageBody: createHash("md5").update(MessageBody).digest("hex"),
    };
    response.writeHead(200, { "content-type": type }).end(JSON.stringify(result));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    messages,
    dead,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
