import manifest from "./package.json" with { type: "json" };

/** Cairn's version. Read into a bundle when that is made, as no package.json lies beside it. */
export const VERSION: string = manifest.version;
