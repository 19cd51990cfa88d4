/** How every function is bundled: SST is told so by infra/function.ts, and bundle.ts does the same. What SST would choose by default is said aloud. */
export const bundling = {
  minify: true,
  splitting: true,
  format: "esm" as const,
  sourcemap: true,
  esbuild: {
    keepNames: true,
    mainFields: ["module", "main"],
    // The embedded database and local models are never used here; the runtime brings the SDK.
    external: [
      "@electric-sql/pglite",
      "@electric-sql/pglite-pgvector",
      "@huggingface/transformers",
      "@aws-sdk/*",
      "pg-native",
    ],
  },
};
