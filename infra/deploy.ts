import { alarms } from "./alarms";
import { api } from "./api";
import { dashboard } from "./dashboard";
import { jobs } from "./jobs";
import { maintenance } from "./maintenance";
import { migration } from "./migration";
import { schema } from "./schema";
import { secrets } from "./secrets";

/** The whole service in one account; the addresses are printed when it is deployed. */
export function deploy() {
  const linked = secrets();
  const applied = schema(linked);
  const queue = { ...jobs(linked, applied), applied };
  const service = api(linked, queue);
  const schedule = maintenance(linked, queue);
  const batch = migration(linked, applied);
  const watched = { api: service, jobs: queue, maintenance: schedule, migration: batch };
  dashboard({ ...watched, alarms: alarms(watched) });
  return {
    api: service.gateway.url,
    stream: service.stream.url,
    migration: batch.machine.arn,
  };
}
