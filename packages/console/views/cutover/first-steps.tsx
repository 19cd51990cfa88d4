import { Button } from "../../components/button.tsx";
import { Command } from "../../components/command.tsx";
import { Section } from "../../components/section.tsx";

/** What to do before the first tenant moves. */
export function FirstSteps({ onMove }: { readonly onMove: () => void }) {
  return (
    <Section
      title="Move the first tenant"
      note="Tenants move one by one, while the application runs. Each can go back as long as it is not done."
    >
      <ol class="steps">
        <li>
          <p>Say what Chroma's names stand for, and create a key for the application.</p>
          <Command text="cairn namespaces create shop" />
          <Command text="cairn namespaces keys create shop" />
        </li>
        <li>
          <p>
            Put the gateway in front of Chroma. Give the application its address and the key, and let nobody else reach
            Chroma.
          </p>
          <Command text="CHROMA_URL=https://chroma.example.org CHROMA_TOKEN=… cairn serve" />
        </li>
        <li>
          <p>Let Cairn follow a first tenant. Chroma goes on to answer.</p>
          <Button isPrimary onClick={onMove}>
            Move a tenant
          </Button>
        </li>
      </ol>
    </Section>
  );
}
