import { alarms } from "./alarms";
import { api } from "./api";
import { dashboard } from "./dashboard";
import { jobs } from "./jobs";
import { maintenance } from "./maintenance";
import { migration } from "./migration";
import { secrets } from "./secrets";

/** The whole service in one account; the addresses are printed when it is deployed. */
export function deploy() {
  const linked = secrets();
  const queue = jobs(linked);
  const service = api(linked, queue);
  maintenance(linked);
  const batch = migration(linked);
  const watched = { api: service, jobs: queue, migration: batch };
  dashboard({ ...watched, alarms: alarms(watched) });
  return {
    api: service.gateway.url,
    stream: service.stream.url,
    migration: batch.machine.arn,
  };
}
