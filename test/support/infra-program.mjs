// Evaluates sst.config.ts under Pulumi's mocks and prints the resulting resources as JSON. infra.ts bundles it with SST's
// platform; imports are resolved from the platform's folder.
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { getStore } from "@pulumi/pulumi/runtime/state.js";
import config from "../../sst.config";
import { run } from "./src/auto/run";
import * as sst from "./src/components";

const resources = [];
/** Each resource's `dependsOn` names, which Pulumi does not pass to mocks. */
const dependencies = new Map();
const ACCOUNT = "123456789012";
const REGION = "eu-central-1";

/** Key with which Pulumi marks a value that was derived from a secret. */
const SECRET_KEY = "4dabf18193072939515e22adb298388d";

function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  if (SECRET_KEY in value) return plain(value.value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

function newResource({ type, name, inputs }) {
  resources.push({ type, name, inputs: plain(inputs), dependsOn: dependencies.get(name) ?? [] });
  const state = {
    ...inputs,
    arn: `arn:aws:mock:${REGION}:${ACCOUNT}:${name}`,
    name: inputs.name ?? name,
    url: `https://${name}.example.com`,
    apiEndpoint: `https://${name}.example.com`,
    functionUrl: `https://${name}.example.com/`,
    domainValidationOptions: [
      { resourceRecordType: "CNAME", resourceRecordName: "_proof", resourceRecordValue: "_value" },
    ],
  };
  return { id: `${name}-id`, state };
}

function call({ token, inputs }) {
  if (token === "aws:index/getRegion:getRegion") return { name: REGION, region: REGION, id: REGION };
  if (token === "aws:index/getCallerIdentity:getCallerIdentity") return { accountId: ACCOUNT };
  if (token === "aws:index/getPartition:getPartition") return { partition: "aws" };
  if (token === "aws:route53/getZone:getZone") return { ...inputs, zoneId: "Z0" };
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
  pulumi.runtime.registerStackTransformation(({ name, opts }) => {
    dependencies.set(
      name,
      [opts.dependsOn ?? []].flat().map(({ __name }) => __name),
    );
  });
  await run(config.run);
  return {};
});
// Resources that depend on nested outputs are created in later turns. Wait until nothing is pending.
while (getStore().leakCandidates.size > 0) await new Promise((resolve) => setTimeout(resolve, 100));
process.stdout.write(JSON.stringify({ app, resources }), () => process.exit(0));
