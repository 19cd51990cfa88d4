import { read } from "@cairn/client/client.ts";
import { Page } from "../../components/page.tsx";
import { Problem } from "../../components/problem.tsx";
import { ownClient } from "../../request/client.ts";
import { useRequest } from "../../request/use-request.ts";

/** Which keys there are. */
export function Overview() {
  const { data, error, reload } = useRequest(() => read(ownClient().v1.keys.$get()), []);
  return (
    <Page title="Overview" lead={data && `${data.keys.length} keys`}>
      {error !== undefined && <Problem error={error} retry={reload} />}
    </Page>
  );
}
