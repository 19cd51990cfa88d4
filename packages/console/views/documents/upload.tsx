import { useRef, useState } from "preact/hooks";
import { Badge, type Tone } from "../../components/badge.tsx";
import { Button } from "../../components/button.tsx";
import { formatBytes } from "../../components/format.ts";
import { Section } from "../../components/section.tsx";
import { type FileUpload, useUploads } from "./use-uploads.ts";

interface UploadProps {
  /** Undefined: the default collection, which the first upload creates. */
  readonly collection: string | undefined;
  /** Called after each file that was ingested. */
  readonly onDone: () => void;
}

/** Adds files: dropped here, or chosen. */
export function Upload({ collection, onDone }: UploadProps) {
  const { uploads, add } = useUploads({ collection, onDone });
  const [isOver, setIsOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    add([...(event.dataTransfer?.files ?? [])]);
  };
  return (
    <Section
      title="Add files"
      note="PDF, Word, HTML, Markdown, text, CSV, JSON and JSON Lines. The name of a file is the id of its document: a document with this id is replaced."
    >
      <fieldset
        aria-label="Files to add"
        class={isOver ? "drop over" : "drop"}
        onDragOver={(event) => {
          event.preventDefault();
          setIsOver(true);
        }}
        onDragLeave={() => setIsOver(false)}
        onDrop={drop}
      >
        <p>Drop files here{collection === undefined ? "" : `, to add them to ${collection}`}</p>
        <Button onClick={() => input.current?.click()}>Choose files</Button>
        <input
          ref={input}
          class="sr"
          type="file"
          multiple
          tabIndex={-1}
          aria-label="Choose files to add"
          onChange={({ currentTarget }) => {
            add([...(currentTarget.files ?? [])]);
            currentTarget.value = "";
          }}
        />
      </fieldset>
      {uploads.length > 0 && (
        <ul class="uploads" aria-live="polite">
          {uploads.map((upload) => (
            <UploadRow key={upload.key} upload={upload} />
          ))}
        </ul>
      )}
    </Section>
  );
}

const TONES: Readonly<Record<FileUpload["state"], readonly [Tone, string]>> = {
  waiting: ["quiet", "waiting"],
  sending: ["busy", "reading"],
  ingesting: ["busy", "ingesting"],
  done: ["good", "added"],
  partly: ["warning", "partly added"],
  failed: ["bad", "failed"],
};

function UploadRow({ upload: { name, size, state, progress, message } }: { readonly upload: FileUpload }) {
  const [tone, label] = TONES[state];
  return (
    <li>
      <span class="name">{name}</span>
      <span class="soft">{formatBytes(size)}</span>
      <Badge tone={tone}>{label}</Badge>
      {(state === "sending" || state === "ingesting") && (
        <progress aria-label={`Progress of ${name}`} {...(progress === undefined ? {} : { value: progress, max: 1 })} />
      )}
      {message && <p class={state === "failed" ? "refusal" : "soft"}>{message}</p>}
    </li>
  );
}
