import { CairnError } from "@cairn/client/client.ts";
import { useState } from "preact/hooks";
import { Button } from "../components/button.tsx";
import { Field } from "../components/field.tsx";
import { Problem } from "../components/problem.tsx";
import { Stones } from "../components/stones.tsx";
import { signIn, signInNotice } from "../request/session.ts";

/** Asks for a key. For the key of a namespace, it also asks for the tenant. */
export function SignIn() {
  const [key, setKey] = useState("");
  const [tenant, setTenant] = useState("");
  const [needsTenant, setNeedsTenant] = useState(false);
  const [error, setError] = useState<unknown>();
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setIsBusy(true);
    setError(undefined);
    try {
      await signIn(key.trim(), needsTenant ? tenant.trim() : undefined);
    } catch (reason) {
      const asksForTenant = reason instanceof CairnError && reason.problem.path === "Cairn-Tenant" && !needsTenant;
      if (asksForTenant) setNeedsTenant(true);
      else setError(reason);
      setIsBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <p class="brand">
        <Stones />
        <span>Cairn</span>
      </p>
      <h1>Sign in</h1>
      <p class="soft">
        Paste an API key. A tenant's key shows its tenant; the operator's key shows all of them. It is kept in this tab
        only, and forgotten when you close it.
      </p>
      {signInNotice.value && <p role="status">{signInNotice.value}</p>}
      <form onSubmit={submit}>
        <Field label="API key">
          {(props) => (
            <input
              {...props}
              type="password"
              name="key"
              required
              autoComplete="off"
              spellcheck={false}
              placeholder="cairn_…"
              value={key}
              onInput={({ currentTarget }) => setKey(currentTarget.value)}
            />
          )}
        </Field>
        {needsTenant && (
          <Field label="Tenant" hint="The key belongs to a namespace. Which of its tenants do you want to see?">
            {(props) => (
              <input
                {...props}
                name="tenant"
                required
                value={tenant}
                onInput={({ currentTarget }) => setTenant(currentTarget.value)}
              />
            )}
          </Field>
        )}
        <Button isPrimary isBusy={isBusy}>
          Sign in
        </Button>
      </form>
      {error !== undefined && <Problem error={error} />}
      <details>
        <summary>Where do I get a key?</summary>
        <p>
          The first start of <code>cairn serve</code> prints one. Otherwise create it on the command line:
        </p>
        <dl class="commands">
          <div>
            <dt>for one tenant</dt>
            <dd>
              <code>cairn keys create --tenant NAME</code>
            </dd>
          </div>
          <div>
            <dt>for the operator</dt>
            <dd>
              <code>cairn keys create --operator</code>
            </dd>
          </div>
        </dl>
      </details>
    </main>
  );
}
