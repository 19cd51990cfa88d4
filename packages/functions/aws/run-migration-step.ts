import { CHROMA_SETTINGS } from "@cairn/chroma/service/settings.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import { AppError } from "@cairn/core/error.ts";
import { rowsBuiltIn } from "@cairn/core/maintenance/rows-built.ts";
import { VERSION } from "@cairn/core/version.ts";
import type { Context } from "aws-lambda";
import { openOnce } from "../open-once.ts";
import { createServices } from "../services.ts";
import { readSettings, readTable } from "../settings.ts";
import { linkedResource } from "./linked-resource.ts";
import { openDatabase } from "./open-database.ts";
import { nameByCode, runStep, type StepEvent } from "./step.ts";

/** Milliseconds before the function's time limit at which a step stops between two pages. */
const RESERVE_MS = 60_000;

/** Runs one step of the migration's state machine. */
export async function runMigrationStep(
  event: StepEvent,
  context: Pick<Context, "getRemainingTimeInMillis">,
): Promise<object> {
  const remaining = context.getRemainingTimeInMillis() - RESERVE_MS;
  const environment = await openEnvironment().catch((error) => {
    throw nameByCode(error);
  });
  const signal = AbortSignal.timeout(Math.max(0, remaining));
  return runStep({ ...environment, signal, maxRows: rowsBuiltIn(remaining) }, event);
}

/** Services without the API, because steps are not called over HTTP. */
const openServices = openOnce(async () => {
  const settings = readSettings(linkedResource, process.env);
  return { settings, services: createServices(settings, await openDatabase(settings)) };
});

async function openEnvironment() {
  const { services, settings } = await openServices();
  const { chromaUrl, chromaToken } = readTable(CHROMA_SETTINGS, linkedResource, process.env);
  if (!chromaUrl)
    throw new AppError(
      "source_unsupported",
      "The migration cannot start: the secret ChromaUrl is not set. See docs/deploy.md.",
    );
  const source = await openSource({ url: chromaUrl, token: chromaToken });
  return { services, source, databaseName: new URL(settings.databaseUrl).host, cairnVersion: VERSION };
}
