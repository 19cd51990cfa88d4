import { useState } from "preact/hooks";
import { Button } from "../../components/button.tsx";
import { Field } from "../../components/field.tsx";
import { Scrollable } from "../../components/scrollable.tsx";
import { Section } from "../../components/section.tsx";
import { tenantCredential } from "../../request/session.ts";
import { LANGUAGES } from "./languages.ts";
import type { SearchRequest } from "./search-request.ts";
import type { Mode } from "./search-settings.ts";

type Language = keyof typeof LANGUAGES;

/** The search as code to copy. */
export function Code({ requests }: { readonly requests: readonly SearchRequest[] }) {
  const [language, setLanguage] = useState<Language>("curl");
  const [mode, setMode] = useState<Mode>("hybrid");
  const [copied, setCopied] = useState<string>();
  const request = requests.find((one) => one.mode === mode);
  if (!request) return null;
  const text = LANGUAGES[language](request, { url: location.origin, tenant: tenantCredential()?.tenant });
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(text);
  };
  return (
    <Section title="As code" note="The key is read from the variable CAIRN_KEY. It is not part of the copied text.">
      <div class="code">
        <div class="code-head">
          <fieldset class="segments">
            <legend class="sr">Language</legend>
            {(Object.keys(LANGUAGES) as Language[]).map((name) => (
              <button key={name} type="button" aria-pressed={name === language} onClick={() => setLanguage(name)}>
                {name}
              </button>
            ))}
          </fieldset>
          <Field label="Mode">
            {(props) => (
              <select {...props} value={mode} onChange={({ currentTarget }) => setMode(currentTarget.value as Mode)}>
                {requests.map((one) => (
                  <option key={one.mode}>{one.mode}</option>
                ))}
              </select>
            )}
          </Field>
          <Button onClick={copy} label="Copy the code">
            {copied === text ? "Copied" : "Copy"}
          </Button>
        </div>
        <Scrollable label={`The search in ${language}`} text={text} />
      </div>
    </Section>
  );
}
