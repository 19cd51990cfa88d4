/** The routes whose body is files. */
export const FILE_ROUTES: ReadonlySet<string> = new Set(["/v1/files"]);
