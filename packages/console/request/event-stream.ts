import type { Problem } from "@cairn/api/problem.ts";
import { CairnError } from "@cairn/client/client.ts";

export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/** The server-sent events of a response, in order. Throws `CairnError` for an error response and for an event `error`. */
export async function* readEvents(response: Response): AsyncGenerator<ServerEvent> {
  if (!response.ok) throw new CairnError((await response.json()) as Problem);
  if (!response.body) return;
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event.event === "error") throw new CairnError(JSON.parse(event.data) as Problem);
      yield event;
    }
  }
}

function parseEvent(block: string): ServerEvent {
  const fields = block.split(/\r?\n/).map((line) => /^(\w+): ?(.*)$/s.exec(line));
  const valuesOf = (name: string) => fields.filter((field) => field?.[1] === name).map((field) => field?.[2] ?? "");
  return { event: valuesOf("event")[0] ?? "message", data: valuesOf("data").join("\n") };
}
