import { alarms } from "./alarms";
import { api } from "./api";
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
  alarms({ api: service, jobs: queue, migration: batch });
  return {
    api: service.gateway.url,
    stream: service.stream.url,
    migration: batch.machine.arn,
  };
}
