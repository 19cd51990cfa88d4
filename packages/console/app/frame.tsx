import { type ComponentType, Fragment } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Loading } from "../components/loading.tsx";
import { Problem } from "../components/problem.tsx";
import { type Identity, tenantCredential } from "../request/session.ts";
import { ChooseTenant } from "./choose-tenant.tsx";
import { Header } from "./header.tsx";
import { goTo, route } from "./route.ts";
import { isVisible, type View } from "./view.ts";
import { VIEWS } from "./views.ts";

/** The page of a signed-in user: the navigation, and the view that the address names. */
export function Frame({ identity }: { readonly identity: Identity }) {
  const views = VIEWS.filter((view) => isVisible(view, identity));
  const name = route.value.path[0];
  const view = views.find(({ path }) => path === name) ?? VIEWS[0];
  useEffect(() => {
    if (name !== view.path) goTo([view.path], {}, true);
  }, [name, view]);
  useFocusOnChange(view.path);
  return (
    <Fragment>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Header identity={identity} views={views} current={view} />
      <main id="main" tabIndex={-1}>
        {view.audience === "tenant" && !tenantCredential() ? <ChooseTenant view={view} /> : <Loaded view={view} />}
      </main>
    </Fragment>
  );
}

/** Tells a screen reader about a new view: the focus moves to its start. */
function useFocusOnChange(path: string): void {
  const [first] = useState(path);
  const [isFirst, setIsFirst] = useState(true);
  useEffect(() => {
    if (isFirst && path === first) return;
    setIsFirst(false);
    document.getElementById("main")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [path]);
}

function Loaded({ view }: { readonly view: View }) {
  const [loaded, setLoaded] = useState<{ readonly view: View; readonly Component: ComponentType }>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    setError(undefined);
    view.load().then(({ default: Component }) => setLoaded({ view, Component }), setError);
    document.title = `${view.title} · Cairn`;
  }, [view]);
  if (error) return <Problem error={error} />;
  if (loaded?.view !== view) return <Loading what={view.title} />;
  return <loaded.Component key={tenantCredential()?.identity.key} />;
}
