// Must be loaded before Drizzle. Node parses Drizzle's large package.json again for each of its files to find the module
// format, which takes more than a second and 150 MB. Plain JavaScript, so that an older Node can report that it is too old.
import { registerHooks } from "node:module";

registerHooks({
  resolve(specifier, context, next) {
    if (!specifier.startsWith(".") || !context.parentURL?.includes("/drizzle-orm/")) return next(specifier, context);
    const { href } = new URL(specifier, context.parentURL);
    return href.endsWith(".js") ? { url: href, format: "module", shortCircuit: true } : next(specifier, context);
  },
});
