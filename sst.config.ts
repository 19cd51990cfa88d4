/// <reference path="./.sst/platform/config.d.ts" />

export default $config({
  app(input) {
    const production = input.stage === "production";
    return {
      name: "cairn",
      home: "aws",
      // Production outlives a slip of the hand; every other stage goes with its removal.
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
