/** Replaces @huggingface/transformers, which does not run on Cloudflare. */
throw new Error("Local models do not run on Cloudflare.");
