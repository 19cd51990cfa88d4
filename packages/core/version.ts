import manifest from "../../publish/package.json" with { type: "json" };

/** Cairn's version, which is the one of the published package. A bundle includes the value. */
export const VERSION: string = manifest.version;
