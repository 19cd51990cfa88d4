import { readFile } from "node:fs/promises";

/** The knowledge base of one company's support team. */
export interface DemoTenant {
  /** 32 hexadecimal digits of a UUID, as they are in the name of the Chroma collection. */
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
 * Loads the knowledge bases of four fictional companies: an outdoor shop, a maker of coffee machines (half in German), a
 * software company and a bookshop. Each has a different return policy, so that a result shows the tenant it belongs to.
 */
export async function loadKnowledge(): Promise<readonly DemoTenant[]> {
  return Promise.all(FILES.map(readTenant));
}

async function readTenant(name: string): Promise<DemoTenant> {
  return JSON.parse(await readFile(new URL(`./${name}.json`, import.meta.url), "utf8"));
}
