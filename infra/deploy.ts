import { alarms } from "./alarms";
import { api } from "./api";
import { dashboard } from "./dashboard";
import { jobs } from "./jobs";
import { maintenance } from "./maintenance";
import { migration } from "./migration";
import { schema } from "./schema";
import { secrets } from "./secrets";

/** All resources of the service. A deploy prints the returned URLs and ARN. */
export function deploy() {
  const linked = secrets();
  const schemaApplied = schema(linked);
  const queue = { ...jobs(linked, schemaApplied), schemaApplied };
  const service = api(linked, queue);
  const schedule = maintenance(linked, queue);
  const batch = migration(linked, schemaApplied);
  const resources = { api: service, jobs: queue, maintenance: schedule, migration: batch };
  dashboard({ ...resources, alarms: alarms(resources) });
  return { api: service.gateway.url, stream: service.stream.url, migration: batch.machine.arn };
}
