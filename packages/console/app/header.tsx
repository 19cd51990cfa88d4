import { Stones } from "../components/stones.tsx";
import { closeTenant, leave } from "../request/act-for-tenant.ts";
import { acting, type Identity, tenantCredential } from "../request/session.ts";
import { linkTo } from "./route.ts";
import type { View } from "./view.ts";

interface HeaderProps {
  readonly identity: Identity;
  readonly views: readonly View[];
  readonly current: View;
}

/** The name of the service, the views, and who is signed in. */
export function Header({ identity, views, current }: HeaderProps) {
  return (
    <header class="bar">
      <p class="brand">
        <Stones />
        <span>Cairn</span>
      </p>
      <nav aria-label="Views">
        {views.map((view) => (
          <a key={view.path} href={linkTo([view.path])} aria-current={view === current ? "page" : undefined}>
            {view.title}
          </a>
        ))}
      </nav>
      <div class="who">
        <Tenant identity={identity} />
        <button type="button" class="plain" onClick={leave}>
          Sign out
        </button>
      </div>
    </header>
  );
}

function Tenant({ identity }: { readonly identity: Identity }) {
  const tenant = tenantCredential()?.identity.tenant;
  if (identity.kind !== "operator") return <span class="name">{tenant?.name}</span>;
  if (!acting.value) return <span class="name">Operator</span>;
  return (
    <span class="name acting">
      Operator, as {tenant?.name}
      <button type="button" class="plain" onClick={closeTenant}>
        Leave
      </button>
    </span>
  );
}
