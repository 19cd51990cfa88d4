import { read } from "@cairn/client/client.ts";
import { useState } from "preact/hooks";
import { Button } from "../../components/button.tsx";
import type { Filter } from "../../components/filter/condition.ts";
import { Problem } from "../../components/problem.tsx";
import { Section } from "../../components/section.tsx";
import { tenantClient } from "../../request/client.ts";
import { useRequest } from "../../request/use-request.ts";
import { Answer } from "./answer.tsx";
import { useConversation } from "./use-conversation.ts";

interface ChatProps {
  readonly collection: string;
  readonly filter: Filter | undefined;
}

/** The chat over the collection and the filter of the search, or why there is none. */
export function Chat({ collection, filter }: ChatProps) {
  const { data, error, reload } = useRequest(() => read(tenantClient().v1.chat.$get()), []);
  const note = data?.model && `Answers come from ${collection} only. Model: ${data.model}.`;
  return (
    <Section title="Chat" note={note ?? undefined}>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {data?.model === null && (
        <p class="notice">
          This service has no chat model. Its operator configures one: <code>cairn serve --chat-model NAME</code>
        </p>
      )}
      {data?.model && <Conversation key={collection} collection={collection} filter={filter} />}
    </Section>
  );
}

function Conversation({ collection, filter }: ChatProps) {
  const [text, setText] = useState("");
  const { turns, isBusy, ask, clear } = useConversation({ collection, filter });
  const submit = (event: Event) => {
    event.preventDefault();
    if (text.trim() === "" || isBusy) return;
    ask(text.trim());
    setText("");
  };
  return (
    <div class="chat">
      {turns.length > 0 && (
        <ol class="turns" aria-live="polite">
          {turns.map((turn, index) => (
            <li key={index}>
              <p class="question">{turn.question}</p>
              <Answer turn={turn} number={index + 1} collection={collection} />
            </li>
          ))}
        </ol>
      )}
      <form class="search-text" onSubmit={submit}>
        <label class="sr" for="question">
          Question
        </label>
        <input
          id="question"
          required
          autoComplete="off"
          placeholder={turns.length > 0 ? "Ask a further question" : "Ask a question"}
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
        <Button isBusy={isBusy}>Ask</Button>
      </form>
      {turns.length > 0 && (
        <button type="button" class="plain" onClick={clear}>
          New conversation
        </button>
      )}
    </div>
  );
}
