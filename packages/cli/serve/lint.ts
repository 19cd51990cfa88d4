import { createApp } from "@cairn/api/app.ts";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { EXTENSIONS } from "../extensions.ts";

// Lints the OpenAPI description of the service. It needs no database, because only the description is requested.

const services = { database: {}, embedders: { default: {} } } as never;
const queue = { send: async () => {} };
const operatorRoutes = EXTENSIONS.flatMap(({ service }) => service.routes({}, queue));
const app = createApp(services, { queue, operatorRoutes });
const source = await (await app.request("https://cairn.example.com/openapi.json")).text();
const config = await createConfig({
  extends: ["recommended-strict"],
  rules: {
    "no-server-example.com": "off", // the server is the host of the request
    "operation-4xx-response": "error",
    "operation-operationId-unique": "error",
    "no-invalid-schema-examples": "error",
    "no-unused-components": "error",
  },
});
const problems = await lintFromString({ source, config });
for (const { ruleId, message, location } of problems)
  console.error(`${ruleId}: ${message} (${location.map(({ pointer }) => pointer).join(", ")})`);
console.log(
  problems.length === 0
    ? "The OpenAPI description has no problems."
    : `The OpenAPI description has ${problems.length} problems.`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
