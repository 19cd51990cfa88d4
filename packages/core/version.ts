import manifest from "./package.json" with { type: "json" };

/** Cairn's version. A bundle has no package.json next to it, so bundling includes the value. */
export const VERSION: string = manifest.version;
