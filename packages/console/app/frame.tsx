import { type ComponentType, Fragment } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Loading } from "../components/loading.tsx";
import { Problem } from "../components/problem.tsx";
import { useOptionalRoutes } from "../request/optional-routes.ts";
import { type Identity, tenantCredential } from "../request/session.ts";
import { ChooseTenant } from "./choose-tenant.tsx";
import { Header } from "./header.tsx";
import { goTo, route } from "./route.ts";
import { isVisible, type View } from "./view.ts";
import { VIEWS } from "./views.ts";

/** The page of a signed-in user: the navigation, and the view that the address names. */
export function Frame({ identity }: { readonly identity: Identity }) {
  const routes = useOptionalRoutes(identity);
  const views = VIEWS.filter((view) => isVisible(view, identity, routes));
  const name = route.value.path[0];
  const named = VIEWS.find(({ path }) => path === name);
  const isPending = routes === undefined && named?.needs !== undefined;
  const view = (isPending ? named : views.find((visible) => visible === named)) ?? VIEWS[0];
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
        {isPending ? <Loading what={view.title} /> : <Content view={view} />}
      </main>
    </Fragment>
  );
}

function Content({ view }: { readonly view: View }) {
  return view.audience === "tenant" && !tenantCredential() ? <ChooseTenant view={view} /> : <Loaded view={view} />;
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
