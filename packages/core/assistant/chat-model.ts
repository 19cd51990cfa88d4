import type { ChatModel } from "./chat-message.ts";
import type { ChatModelOptions } from "./chat-options.ts";

/** A chat model over any server that speaks OpenAI's protocol. The client library is loaded with the first question. */
export function createChatModel(options: ChatModelOptions): ChatModel {
  let loading: Promise<ChatModel["stream"]> | undefined;
  return {
    model: options.model,
    async *stream(messages, call) {
      loading ??= import("./openai-chat.ts").then(({ createAnswerStream }) => createAnswerStream(options));
      yield* (await loading)(messages, call);
    },
  };
}
