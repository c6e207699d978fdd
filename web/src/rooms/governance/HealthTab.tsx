import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { Health } from "@/api/types";
import { Facts, Section, Time } from "@/ui/bits";
import { CopyAs } from "@/ui/CopyAs";
import { formatBytes, formatCount, formatDuration, plural } from "@/ui/format";
import { Scroll } from "@/ui/Scroll";
import { Empty, Loaded } from "@/ui/states";
import { apart, STATES, WORK } from "./health";

const EVERY_MS = 15_000;
const RECIPE = { cli: "runward doctor --server", python: "print(workspace.health.health())" };

function State({ of }: { of: Health["state"] }) {
  const { sign, word, tone } = STATES[of];
  return <strong className={`${tone} nowrap small`}>{sign} {word}</strong>;
}

/** A sentence of the server, its commands as code. */
function Said({ text }: { text: string }) {
  return <span dir="auto">{text.split("`").map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part))}</span>;
}

/** What is said of each part, what is not well first. */
function Checks({ health }: { health: Health }) {
  const bad = health.checks.filter((one) => one.state !== "well").length;
  return (
    <Section title="State" aside={<CopyAs recipe={RECIPE} />}>
      <p role="status">
        <State of={health.state} />{bad > 0 && <> · {plural(bad, "thing")} of {health.checks.length} to look at</>}
        <span className="muted"> · seen <Time at={health.at} /></span>
      </p>
      <Scroll label="What is said of each part">
        <table className="plain-table parts-table">
          <thead><tr><th>Part</th><th>What is seen, and what to do</th></tr></thead>
          <tbody>
            {health.checks.map((one, i) => (
              <tr key={`${one.name}-${i}`}>
                <th scope="row"><div>{one.name}</div><State of={one.state} /></th>
                <td className="break"><Said text={one.message} />{one.hint && <div className="small muted"><Said text={one.hint} /></div>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Section>
  );
}

function Stores({ health }: { health: Health }) {
  const { database, blobs, disk } = health;
  const differs = database.format !== database.newest_format;
  return (
    <Section title="Server and stores">
      <Facts rows={[
        ["Version", health.version],
        ["Database", <>{database.kind === "postgresql" ? "PostgreSQL" : "SQLite"}{database.size_bytes !== null && <>, {formatBytes(database.size_bytes)}</>}</>],
        ["Format of the tables", <>{database.format}{differs && <span className="tone-red"> ✗ this version needs {database.newest_format}</span>}</>],
        ["Open connections", formatCount(database.connections)],
        ["Files", <>{blobs.kind === "bucket" ? "a bucket" : "a folder"}{blobs.is_encrypted ? ", encrypted" : ""}{!blobs.is_reachable && <span className="tone-red"> ✗ {blobs.error}</span>}</>],
        ["Free disk", disk ? <>{formatBytes(disk.free_bytes)} of {formatBytes(disk.total_bytes)}</> : "unknown"],
        ["Clocks", apart(health)],
        ["Last backup", health.backup ? <><Time at={health.backup.at} />, {plural(health.backup.files, "file")}, {formatBytes(health.backup.bytes)}</> : "none that is known"],
      ]} />
      <p className="muted small">Connections, free disk and work are those of the process that answered; several of them may serve.</p>
    </Section>
  );
}

function Trail({ trail }: { trail: Health["audit"] }) {
  return (
    <Section title="Checkpoints of the audit trail">
      <p>
        {trail.checkpoint_at ? <>The last one is of <Time at={trail.checkpoint_at} />; {plural(trail.uncovered, "event")} since.</> : <>There is none yet; {plural(trail.uncovered, "event")} are on the trail.</>}
      </p>
      <Scroll label="Where checkpoints are kept">
        <table className="plain-table">
          <thead><tr><th>File</th><th>Lies</th><th>Written</th></tr></thead>
          <tbody>
            {trail.places.map((one) => (
              <tr key={one.path}>
                <th scope="row" className="mono small break">{one.path}</th>
                <td>{one.is_own ? "beside the database" : "elsewhere"}</td>
                <td className="muted nowrap">{one.written_at ? <Time at={one.written_at} /> : "never, or out of reach"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Section>
  );
}

function Work({ health }: { health: Health }) {
  const { deliveries, jobs, work } = health;
  return (
    <Section title="Beside the requests">
      <Facts rows={[
        ["Deliveries that wait", <>{formatCount(deliveries.waiting)}{deliveries.late_s > 1 && <>, the oldest due for {formatDuration(deliveries.late_s)}</>}</>],
        ["Given up in 24 hours", formatCount(deliveries.given_up)],
        ["Verification jobs", <>{formatCount(jobs.queued)} queued, {formatCount(jobs.running)} running{jobs.queued > 0 && <>; the oldest waits for {formatDuration(jobs.waits_s)}</>}</>],
      ]} />
      {work.length === 0 && <Empty title="No work is known of yet">A server begins with it two seconds after its start.</Empty>}
      {work.length > 0 && (
        <Scroll label="Work beside the requests">
          <table className="plain-table">
            <thead><tr><th>Work</th><th>State</th><th>Last done</th></tr></thead>
            <tbody>
              {work.map((one) => (
                <tr key={one.work}>
                  <th scope="row">{WORK[one.work] ?? one.work}</th>
                  <td className="break">{one.failing_since
                    ? <span className="tone-red">✗ fails since <Time at={one.failing_since} />, {formatCount(one.failures ?? 0)} times: <Said text={one.error ?? ""} /></span>
                    : <span className="tone-green nowrap">✓ works</span>}</td>
                  <td className="muted nowrap">{one.ended_at ? <Time at={one.ended_at} /> : "never"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Section>
  );
}

/** Whether the server and what it stands on are well, and what to do if not. */
export function HealthTab() {
  const query = useQuery({ queryKey: ["health"], queryFn: ({ signal }) => api.get("/api/v1/health", { signal }), refetchInterval: EVERY_MS });
  return (
    <Loaded query={query} rows={10}>
      {(health) => (
        <>
          <Checks health={health} />
          <Stores health={health} />
          <Trail trail={health.audit} />
          <Work health={health} />
        </>
      )}
    </Loaded>
  );
}
