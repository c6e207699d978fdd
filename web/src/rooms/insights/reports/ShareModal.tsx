import { Button, Modal, NumberInput } from "@mantine/core";
import { useState } from "react";
import { Name, Time } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { ErrorNote, Loaded } from "@/ui/states";
import { useLinks, useRevoke, useShare } from "./queries";

/** Links that show the report, and nothing else, to whoever has one. */
export function ShareModal({ id, opened, close }: { id: string; opened: boolean; close: () => void }) {
  const [days, setDays] = useState(30);
  const links = useLinks(id, opened);
  const share = useShare(id);
  const revoke = useRevoke();
  const made = share.data;
  return (
    <Modal opened={opened} onClose={() => { share.reset(); close(); }} title="Links to this report" size="lg" closeButtonProps={{ "aria-label": "Close" }}>
      <p className="muted">Whoever has a link sees this report without an account, and nothing else of the workspace. It follows the report: pinned or live.</p>
      <form className="field-row" onSubmit={(event) => { event.preventDefault(); share.mutate(days); }}>
        <NumberInput size="xs" label="Days until it ends" min={1} max={365} clampBehavior="strict" value={days} onChange={(value) => typeof value === "number" && setDays(value)} />
        <Button type="submit" size="xs" disabled={share.isPending}>Make a link</Button>
      </form>
      {share.isError && <ErrorNote error={share.error} />}
      {made && (
        <div role="status">
          <p><strong>Copy it now:</strong> it is shown only once.</p>
          <CodeBlock code={`${window.location.origin}${made.path}`} label="link" />
        </div>
      )}
      <Loaded query={links} rows={2}>
        {(all) => (all.length === 0 ? <p className="muted">There is no link yet.</p> : (
          <ul className="links">
            {all.map((link) => (
              <li key={link.id}>
                <span className="mono">{link.id}</span> by <Name>{link.author}</Name>, <Time at={link.created_at} />,{" "}
                {link.revoked_at ? <span className="muted">revoked <Time at={link.revoked_at} /></span> : <>until <time dateTime={link.expires_at}>{new Date(link.expires_at).toLocaleDateString()}</time></>}
                {!link.revoked_at && <Button size="compact-xs" variant="subtle" color="red" disabled={revoke.isPending} onClick={() => revoke.mutate(link.id)} aria-label={`Revoke link ${link.id}`}>Revoke</Button>}
              </li>
            ))}
          </ul>
        ))}
      </Loaded>
      {revoke.isError && <ErrorNote error={revoke.error} />}
    </Modal>
  );
}
