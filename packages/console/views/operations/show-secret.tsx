import { Button } from "../../components/button.tsx";
import { Command } from "../../components/command.tsx";
import { Dialog } from "../../components/dialog.tsx";

/** Shows a new key. It cannot be shown again. */
export function ShowSecret({ secret, onClose }: { readonly secret: string; readonly onClose: () => void }) {
  return (
    <Dialog title="Your new key" onClose={onClose}>
      <p>Copy it now and keep it in a safe place. It is not shown again.</p>
      <div class="secret">
        <Command text={secret} what="key" />
      </div>
      <div class="actions">
        <Button isPrimary onClick={onClose}>
          I have copied it
        </Button>
      </div>
    </Dialog>
  );
}
