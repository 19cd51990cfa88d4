import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf } from "../../components/problem.tsx";
import { type Ingested, uploadFile } from "./upload-file.ts";

/** A file and what has become of it. */
export interface FileUpload {
  readonly key: number;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly state: "waiting" | "sending" | "ingesting" | "done" | "partly" | "failed";
  /** 0 to 1. Undefined: not known. */
  readonly progress?: number;
  readonly message?: string;
}

interface UploadOptions {
  readonly collection: string | undefined;
  readonly onDone: () => void;
}

/** Uploads files one after the other, each in a request of its own: one that fails does not stop the others. */
export function useUploads({ collection, onDone }: UploadOptions) {
  const [uploads, setUploads] = useState<readonly FileUpload[]>([]);
  const last = useRef<Promise<void>>(Promise.resolve());
  const next = useRef(0);
  const stop = useRef(new AbortController());
  const finished = useRef(onDone);
  finished.current = onDone;
  useEffect(() => () => stop.current.abort(), []);
  const update = (key: number, change: Partial<FileUpload>) =>
    setUploads((all) => all.map((one) => (one.key === key ? { ...one, ...change } : one)));
  const run = async (file: File, key: number) => {
    const { signal } = stop.current;
    if (signal.aborted) return;
    update(key, { state: "sending" });
    try {
      const onProgress = (progress: number | undefined) => update(key, { state: "ingesting", progress });
      update(key, describe(await uploadFile(file, { collection, signal, onProgress })));
      finished.current();
    } catch (error) {
      if (!signal.aborted) update(key, { state: "failed", message: messageOf(error) });
    }
  };
  const add = (files: readonly File[]) => {
    const keyed = files.map((file) => ({ file, key: next.current++ }));
    const waiting = keyed.map(({ file: { name, size }, key }) => ({ key, name, size, state: "waiting" as const }));
    setUploads((all) => [...waiting, ...all]);
    for (const { file, key } of keyed) last.current = last.current.then(() => run(file, key));
  };
  return { uploads, add };
}

function describe({ documents, passages, failed }: Ingested): Partial<FileUpload> {
  const count = `${documents} ${documents === 1 ? "document" : "documents"}, ${passages} ${passages === 1 ? "passage" : "passages"}`;
  const [first] = failed;
  if (!first) return { state: "done", message: count };
  const more = failed.length > 1 ? ` ${failed.length - 1} more failed.` : "";
  return { state: documents > 0 ? "partly" : "failed", message: `${count}. ${first.id}: ${first.message}${more}` };
}
