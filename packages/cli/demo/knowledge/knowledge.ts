import { readFile } from "node:fs/promises";

/** What one company's support team knows. */
export interface DemoTenant {
  /** 32 hexadecimal digits: as they stand in the name of a Chroma collection, and a UUID's. */
  readonly hex: string;
  readonly name: string;
  readonly passages: readonly DemoPassage[];
}

export interface DemoPassage {
  readonly id: string;
  /** 40 to 120 words. */
  readonly text: string;
  /** `topic`, `language`, `version`, `public`, `updated`; some have `product` and `price`. */
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
  readonly uri?: string;
}

const FILES = ["nordlicht-outdoor", "kessel-crema", "tallybird", "paper-lantern"];

/**
 * The knowledge of four made-up companies: an outdoor shop, a maker of coffee machines (half in German), a software
 * company, a bookshop. Each has a return policy of its own, so that a search shows whose it found.
 */
export async function loadKnowledge(): Promise<readonly DemoTenant[]> {
  return Promise.all(FILES.map(readTenant));
}

async function readTenant(name: string): Promise<DemoTenant> {
  return JSON.parse(await readFile(new URL(`./${name}.json`, import.meta.url), "utf8"));
}
