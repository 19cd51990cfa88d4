import { chroma } from "./chroma/extension.ts";
import type { Extension } from "./extension.ts";

/** The extensions of this command line. To remove one, delete its folder, its package and its lines here. */
export const EXTENSIONS: readonly Extension[] = [chroma];
