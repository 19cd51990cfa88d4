import { json } from "node:stream/consumers";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { runStep, type StepEvent } from "@cairn/functions/step.ts";
import { offlineServices } from "../support/services.ts";

// One step of the migration's machine in a process of its own, as a function has it: an event on standard input; on
// standard output a line when it begins, and one with the answer or the error.

const { DATABASE_URL = "", CHROMA_URL = "", STEP_TIME = "" } = process.env;
const database = connectPg({ url: DATABASE_URL });
try {
  const event = (await json(process.stdin)) as StepEvent;
  console.log("begun");
  const answer = await runStep(
    {
      services: offlineServices(database),
      source: await openSource({ url: CHROMA_URL }),
      databaseName: "test",
      cairnVersion: "test",
      signal: AbortSignal.timeout(Number(STEP_TIME)),
    },
    event,
  );
  console.log(JSON.stringify({ answer }));
} catch (error) {
  const { name, message } = error as Error;
  console.log(JSON.stringify({ error: { name, message } }));
} finally {
  await database.close();
}
