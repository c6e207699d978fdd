import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { WorkspaceKeys } from "@/api/types";
import { Name, Section, Time } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { formatCount, plural } from "@/ui/format";
import { Empty, Loaded } from "@/ui/states";
import { Scroll } from "@/ui/Scroll";

/** Whether files are encrypted, and by what. */
function Root({ keys }: { keys: WorkspaceKeys }) {
  return (
    <Section title="Files">
      {keys.encrypted_since
        ? <p className="tone-green"><strong>✓ Encrypted</strong> since <Time at={keys.encrypted_since} /></p>
        : <p className="tone-grey"><strong>◌ Not encrypted</strong></p>}
      {!keys.encrypted_since && (
        <>
          <CodeBlock code={"runward keys init\nrunward keys seal"} label="commands" />
          <p className="muted small">On the server&rsquo;s machine; start the server anew after the first. The second encrypts what is there already.</p>
        </>
      )}
      {keys.root_key
        ? <p className="break">Root key <code>{keys.root_key}</code>, {keys.where}</p>
        : <p className="muted small break">There is no root key yet; it will be {keys.where}.</p>}
      {keys.problem && <p role="alert" className="tone-red break"><strong>✗ It cannot be used:</strong> {keys.problem}</p>}
    </Section>
  );
}

function Teams({ keys }: { keys: WorkspaceKeys }) {
  if (keys.teams.length === 0) return <Empty title="No team has a key yet">A team gets its key with the first file that it stores encrypted.</Empty>;
  return (
    <Scroll label="Keys of teams">
      <table className="plain-table">
        <thead><tr><th>Team</th><th className="num">Key</th><th>Since</th><th className="wide">A new one</th></tr></thead>
        <tbody>
          {keys.teams.map((one) => (
            <tr key={one.team}>
              <th scope="row"><Name>{one.team}</Name></th>
              <td className="num">{formatCount(one.version)}</td>
              <td className="muted nowrap"><Time at={one.created_at} /></td>
              <td className="wide mono small break">runward keys rotate --team {one.team}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** Which keys the workspace has and how old they are. Whoever may change them does so where the server is. */
export function KeysTab() {
  const query = useQuery({ queryKey: ["keys"], queryFn: ({ signal }) => api.get("/api/v1/keys", { signal }) });
  return (
    <Loaded query={query} rows={6}>
      {(keys) => (
        <>
          <Root keys={keys} />
          <Section title="Teams">
            <Teams keys={keys} />
          </Section>
          <Section title="People">
            <p>{plural(keys.people, "person", "people")} with a key, {formatCount(keys.destroyed)} destroyed.{keys.people_key_since && <> The key that wraps them counts since <Time at={keys.people_key_since} />.</>}</p>
            <p className="muted small">When a person&rsquo;s key is destroyed, the key that wrapped it goes {plural(keys.backup_days, "day")} later: until then a backup can bring it back.</p>
          </Section>
          {keys.root_key && (
            <Section title="A new root key">
              <CodeBlock code="runward keys rotate --root" label="command" />
              <p className="muted small">No stored file is written anew, and all of them stay readable. Keep a copy of the root key apart from the backups: without it nobody reads what is encrypted.</p>
            </Section>
          )}
        </>
      )}
    </Loaded>
  );
}
