import { useEffect, useRef, useState } from "preact/hooks";
import { send } from "../request/client.ts";
import { useRequest } from "../request/use-request.ts";
import { Button } from "./button.tsx";
import { Loading } from "./loading.tsx";
import { Problem } from "./problem.tsx";

interface ReportFrameProps {
  readonly title: string;
  /** Path of a route that returns a self-contained HTML page without scripts. */
  readonly path: string;
  /** Name of the file that it is saved as. */
  readonly fileName: string;
}

/**
 * A report of the service inside the page. It runs no scripts and loads nothing. The console's content security policy refuses
 * the styles in its markup, so they are added as a style sheet object, which the policy does not concern.
 */
export function ReportFrame({ title, path, fileName }: ReportFrameProps) {
  const { data, error, reload } = useRequest(() => readPage(path), [path]);
  if (error !== undefined) return <Problem error={error} retry={reload} />;
  if (data === undefined) return <Loading what="Report" />;
  return (
    <>
      <Frame title={title} page={data} />
      <div class="actions">
        <Button onClick={() => save(data, fileName)}>Save as a file</Button>
      </div>
    </>
  );
}

async function readPage(path: string): Promise<string> {
  const response = await send(path);
  if (!response.ok) throw new Error(`The report cannot be shown: the service answered ${response.status}.`);
  return response.text();
}

function save(page: string, fileName: string): void {
  const url = URL.createObjectURL(new Blob([page], { type: "text/html" }));
  Object.assign(document.createElement("a"), { href: url, download: fileName }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser has read it by then
}

const STYLES = /<style>([\s\S]*?)<\/style>/g;

function Frame({ title, page }: { readonly title: string; readonly page: string }) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState(480);
  const [isLoaded, setIsLoaded] = useState(false);
  useEffect(() => {
    const inner = isLoaded ? frame.current?.contentDocument?.documentElement : undefined;
    if (!inner) return;
    // The body: the height of the document is at least that of the frame.
    const observer = new ResizeObserver(() => setHeight(Math.ceil(inner.ownerDocument.body.offsetHeight) + 1));
    observer.observe(inner.ownerDocument.body);
    return () => observer.disconnect();
  }, [isLoaded]);
  const load = () => {
    const window = frame.current?.contentWindow as (Window & typeof globalThis) | null | undefined;
    if (!window) return;
    const sheet = new window.CSSStyleSheet();
    sheet.replaceSync([...page.matchAll(STYLES)].map(([, css]) => css).join("\n"));
    window.document.adoptedStyleSheets = [sheet];
    setIsLoaded(true);
  };
  return (
    <iframe
      ref={frame}
      class="report"
      title={title}
      sandbox="allow-same-origin"
      srcdoc={page.replace(STYLES, "")}
      style={{ height: `${height}px` }}
      onLoad={load}
    />
  );
}
