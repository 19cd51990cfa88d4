import { openSource } from "@cairn/chroma/source/http-source.ts";
import { AppError } from "@cairn/core/error.ts";
import { rowsBuiltIn } from "@cairn/core/maintenance/rows-built.ts";
import { VERSION } from "@cairn/core/version.ts";
import type { Context } from "aws-lambda";
import { keep } from "./keep.ts";
import { linkedResource } from "./linked.ts";
import { openDatabase } from "./open-database.ts";
import { createServices } from "./services.ts";
import { readSettings } from "./settings.ts";
import { namedByCode, runStep, type StepEvent } from "./step.ts";

/** Milliseconds before the function's own end by which a step stops between two pages. */
const RESERVE = 60_000;

/** One step of the migration's state machine. */
export async function handler(
  event: StepEvent,
  context: Pick<Context, "getRemainingTimeInMillis">,
): Promise<object> {
  const remaining = context.getRemainingTimeInMillis() - RESERVE;
  const environment = await openEnvironment().catch((error) => {
    throw namedByCode(error);
  });
  const signal = AbortSignal.timeout(Math.max(0, remaining));
  return runStep({ ...environment, signal, maxRows: rowsBuiltIn(remaining) }, event);
}

/** Without the API: no step is asked over HTTP. */
const openServices = keep(async () => {
  const settings = readSettings(linkedResource, process.env);
  return { settings, services: createServices(settings, await openDatabase(settings)) };
});

async function openEnvironment() {
  const { services, settings } = await openServices();
  const { chromaUrl, chromaToken, databaseUrl } = settings;
  if (!chromaUrl)
    throw new AppError("source_unsupported", "The secret ChromaUrl is not set. See docs/deploy.md.");
  const source = await openSource({ url: chromaUrl, token: chromaToken });
  return { services, source, databaseName: new URL(databaseUrl).host, cairnVersion: VERSION };
}
