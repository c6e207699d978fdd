import { Modal } from "@mantine/core";
import { Link } from "wouter";
import { KEYS } from "@/ui/hotkeys";

/** The keys that work everywhere. */
export function HelpOverlay({ opened, close }: { opened: boolean; close: () => void }) {
  return (
    <Modal opened={opened} onClose={close} title="Keys" closeButtonProps={{ "aria-label": "Close" }}>
      <dl className="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>{key.split(/\s+/).map((part) => <kbd key={part}>{part}</kbd>)}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p className="muted small"><Link href="/legend" onClick={close}>What the badges mean</Link></p>
    </Modal>
  );
}
