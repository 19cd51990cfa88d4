/// <reference path="./.sst/platform/config.d.ts" />

export default $config({
  app(input) {
    const production = input.stage === "production";
    return {
      name: "cairn",
      home: "aws",
      // Production resources survive an accidental removal. Other stages are removed completely.
      removal: production ? "retain" : "remove",
      protect: production,
      providers: { aws: { defaultTags: { tags: { app: "cairn", stage: input.stage ?? "none" } } } },
    };
  },
  async run() {
    const { deploy } = await import("./infra/deploy");
    return deploy();
  },
});
