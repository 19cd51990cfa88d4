/** Set when the published package is compiled. */
declare const CAIRN_COMMAND: string | undefined;

/** How a user runs Cairn: from a clone of the repository, or from the published package. */
export const COMMAND = typeof CAIRN_COMMAND === "undefined" ? "npx cairn" : CAIRN_COMMAND;
