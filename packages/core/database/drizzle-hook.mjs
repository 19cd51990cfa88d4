// Loaded before Drizzle is: its package.json is large, and Node parses it anew for each of its files to learn what kind
// of module it is, more than a second and 150 MB. Plain JavaScript: an older Node must be able to say that it is too old.
import { registerHooks } from "node:module";

registerHooks({
  resolve(specifier, context, next) {
    if (!specifier.startsWith(".") || !context.parentURL?.includes("/drizzle-orm/"))
      return next(specifier, context);
    const { href } = new URL(specifier, context.parentURL);
    return href.endsWith(".js")
      ? { url: href, format: "module", shortCircuit: true }
      : next(specifier, context);
  },
});
