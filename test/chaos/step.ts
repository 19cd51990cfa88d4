import { json } from "node:stream/consumers";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { runStep, type StepEvent } from "@cairn/functions/aws/step.ts";
import { offlineServices } from "../support/services.ts";

// Runs one step of the migration's state machine in a separate process, like a Lambda function. Standard input is the
// event. Standard output has one line when the step starts, and one with its result or error.

const { DATABASE_URL = "", CHROMA_URL = "", STEP_TIME = "" } = process.env;
const database = connectPg({ url: DATABASE_URL });
try {
  const event = (await json(process.stdin)) as StepEvent;
  console.log("started");
  const result = await runStep(
    {
      services: offlineServices(database),
      source: await openSource({ url: CHROMA_URL }),
      databaseName: "test",
      cairnVersion: "test",
      signal: AbortSignal.timeout(Number(STEP_TIME)),
    },
    event,
  );
  console.log(JSON.stringify({ result }));
} catch (error) {
  const { name, message } = error as Error;
  console.log(JSON.stringify({ error: { name, message } }));
} finally {
  await database.close();
}
