/** Bundle options of every function. infra/function.ts passes them to SST, bundle.ts to esbuild. SST's defaults are written out. */
export const bundleOptions = {
  minify: true,
  splitting: true,
  format: "esm" as const,
  sourcemap: true,
  esbuild: {
    // Names would be kept by a call for each function: 50 kB to load, and stack traces take them from the source maps.
    keepNames: false,
    mainFields: ["module", "main"],
    // Functions never use the embedded database or local models. The runtime provides the AWS SDK.
    external: [
      "@electric-sql/pglite",
      "@electric-sql/pglite-pgvector",
      "@huggingface/transformers",
      "@aws-sdk/*",
      "pg-native",
    ],
  },
};
