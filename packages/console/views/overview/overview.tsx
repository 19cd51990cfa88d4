import { read } from "@cairn/client/client.ts";
import { linkTo, route } from "../../app/route.ts";
import { type Figure, Figures } from "../../components/figures.tsx";
import { countOf, formatShort } from "../../components/format.ts";
import { Loading } from "../../components/loading.tsx";
import { Page } from "../../components/page.tsx";
import { Problem } from "../../components/problem.tsx";
import { Section } from "../../components/section.tsx";
import { ownClient } from "../../request/client.ts";
import { signedIn } from "../../request/session.ts";
import { useRequest } from "../../request/use-request.ts";
import { type Attention, findAttention } from "./attention.ts";
import { AttentionList } from "./attention-list.tsx";
import { CollectionsTable } from "./collections-table.tsx";
import { OpenTenant } from "./open-tenant.tsx";
import { passagesOf, type TenantState } from "./state.ts";
import { TenantsTable } from "./tenants-table.tsx";

/** Milliseconds between two requests for the figures. */
const INTERVAL_MS = 15_000;

/** What needs attention, and then all tenants, or the collections of one. */
export function Overview() {
  const isOperator = signedIn.value?.identity.kind === "operator";
  const { data: tenants, error, reload } = useRequest(readAll, [], { everyMs: INTERVAL_MS });
  const id = route.value.path[1];
  const chosen = isOperator ? tenants?.find((tenant) => tenant.id === id) : tenants?.[0];
  const shown = chosen ? [chosen] : (tenants ?? []);
  const attention = findAttention(shown);
  return (
    <Page
      title={isOperator && chosen ? chosen.name : "Overview"}
      lead={tenants && <Lead tenants={shown} attention={attention} />}
      actions={isOperator && chosen && <OperatorActions tenant={chosen} />}
    >
      {error !== undefined && <Problem error={error} retry={reload} />}
      {!tenants && error === undefined && <Loading what="Overview" />}
      {tenants && (
        <>
          <AttentionList
            items={attention}
            isOperator={isOperator}
            namesTenants={isOperator && !chosen}
            onChange={reload}
          />
          <div class="summary">
            <Figures figures={figuresOf(shown, isOperator && !chosen)} />
          </div>
          {isOperator && !chosen ? (
            <Section title="Tenants" isWide>
              {tenants.length > 0 ? <TenantsTable tenants={tenants} attention={attention} /> : <NoTenant />}
            </Section>
          ) : (
            <Section title="Collections" isWide>
              <CollectionsTable collections={chosen?.collections ?? []} />
            </Section>
          )}
        </>
      )}
    </Page>
  );
}

/** All tenants that the key may see. */
async function readAll(): Promise<readonly TenantState[]> {
  const tenants: TenantState[] = [];
  for (let after: string | undefined; ; ) {
    const page = await read(ownClient().v1.overview.$get({ query: after === undefined ? {} : { after } }));
    tenants.push(...page.tenants);
    if (page.next === null) return tenants;
    after = page.next;
  }
}

function Lead({
  tenants,
  attention,
}: {
  readonly tenants: readonly TenantState[];
  readonly attention: readonly Attention[];
}) {
  if (tenants.length === 0) return <>There is no tenant yet.</>;
  if (attention.length === 0) return <>Nothing needs attention.</>;
  const affected = new Set(attention.map(({ tenant }) => tenant.id));
  if (tenants.length === 1) return <>{countOf(attention.length, "thing needs", "things need")} attention.</>;
  return (
    <>
      {affected.size} of {countOf(tenants.length, "tenant")} {affected.size === 1 ? "needs" : "need"} attention.
    </>
  );
}

function figuresOf(tenants: readonly TenantState[], isTotal: boolean): readonly Figure[] {
  const collections = tenants.flatMap((tenant) => tenant.collections);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return [
    ...(isTotal ? [{ name: "tenants", value: formatShort(tenants.length) }] : []),
    { name: "collections", value: formatShort(collections.length) },
    { name: "documents", value: formatShort(sum(collections.map(({ documents }) => documents))) },
    { name: "passages", value: formatShort(sum(tenants.map(passagesOf))) },
    { name: "recent searches", value: formatShort(sum(collections.map(({ latency }) => latency?.searches ?? 0))) },
    { name: "tokens today", value: formatShort(sum(tenants.map((tenant) => tenant.tokens_today))) },
    { name: "jobs running", value: formatShort(sum(tenants.map(({ jobs }) => jobs.in_progress))) },
  ];
}

function OperatorActions({ tenant }: { readonly tenant: TenantState }) {
  return (
    <>
      <a href={linkTo(["overview"])}>All tenants</a>
      <OpenTenant tenant={tenant} path={["operations"]} text="Open as this tenant" />
    </>
  );
}

function NoTenant() {
  return (
    <p class="soft">
      Create one: <code>cairn tenants create NAME</code>
    </p>
  );
}
