// Evaluates sst.config.ts under Pulumi's mocks and prints what it would make, as JSON. It is bundled with SST's platform,
// from whose folder its imports are resolved; see infra.ts beside it.
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import config from "../../sst.config";
import { run } from "./src/auto/run";
import * as sst from "./src/components";

const resources = [];
const ACCOUNT = "123456789012";
const REGION = "eu-central-1";

/** Pulumi wraps what is made of a secret. */
const SECRET = "4dabf18193072939515e22adb298388d";

function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  if (SECRET in value) return plain(value.value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

function newResource({ type, name, inputs }) {
  resources.push({ type, name, inputs: plain(inputs) });
  const state = {
    ...inputs,
    arn: `arn:aws:mock:${REGION}:${ACCOUNT}:${name}`,
    name: inputs.name ?? name,
    url: `https://${name}.example.com`,
    apiEndpoint: `https://${name}.example.com`,
    functionUrl: `https://${name}.example.com/`,
  };
  return { id: `${name}-id`, state };
}

function call({ token, inputs }) {
  if (token === "aws:index/getRegion:getRegion") return { name: REGION, region: REGION, id: REGION };
  if (token === "aws:index/getCallerIdentity:getCallerIdentity") return { accountId: ACCOUNT };
  if (token === "aws:index/getPartition:getPartition") return { partition: "aws" };
  if (token === "aws:iam/getPolicyDocument:getPolicyDocument")
    return { ...inputs, json: JSON.stringify({ Statement: inputs.statements }) };
  return inputs;
}

const [stage] = process.argv.slice(2);
await pulumi.runtime.setMocks({ newResource, call }, "cairn", stage, false);
Object.assign(globalThis, { aws, sst, $util: pulumi });
const app = await config.app({ stage });
Object.assign(globalThis.$app, app, { stage });
await pulumi.runtime.runInPulumiStack(async () => {
  await run(config.run);
  return {};
});
// What hangs on outputs of outputs is made in later turns: until nothing more comes.
for (let before = -1; before !== resources.length; ) {
  before = resources.length;
  await new Promise((resolve) => setTimeout(resolve, 750));
}
process.stdout.write(JSON.stringify({ app, resources }), () => process.exit(0));
