import { linkTo } from "../../app/route.ts";
import { formatCount } from "../../components/format.ts";
import { toBlocks } from "./blocks.ts";
import type { Passage } from "./document.ts";

interface WholeTextProps {
  readonly collection: string;
  readonly id: string;
  readonly passages: readonly Passage[];
  /** The passage to emphasize. */
  readonly selected: number | undefined;
}

/** The text of a document with a mark where each passage starts. Text in several passages is shaded. */
export function WholeText({ collection, id, passages, selected }: WholeTextProps) {
  return (
    <ol class="whole">
      {toBlocks(passages).map(({ chunk, headings, pieces, length }) => (
        <li key={chunk} id={`p${chunk}`} class={chunk === selected ? "block selected" : "block"}>
          <p class="gutter">
            <a
              href={linkTo(["documents", collection, id], { passage: String(chunk) })}
              aria-current={chunk === selected ? "true" : undefined}
              aria-label={`Passage ${chunk + 1}`}
            >
              {chunk + 1}
            </a>
            <small>{formatCount(length)} characters</small>
          </p>
          <div>
            {headings.length > 0 && <p class="path">{headings.join(" › ")}</p>}
            <p class="text">
              {pieces.map(({ text, chunks }, index) => {
                const isSelected = selected !== undefined && chunks.includes(selected);
                const classes = [chunks.length > 1 && "shared", isSelected && "in"].filter(Boolean).join(" ");
                const title =
                  chunks.length > 1 ? `In passages ${chunks.map((one) => one + 1).join(" and ")}` : undefined;
                return (
                  <span key={index} class={classes || undefined} title={title}>
                    {text}
                  </span>
                );
              })}
              {length === 0 && <span class="soft">This passage has a vector and no text.</span>}
            </p>
          </div>
        </li>
      ))}
    </ol>
  );
}
