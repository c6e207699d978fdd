import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { openJobsQuery } from "@/api/repro";
import type { VerificationJob } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { JOBS } from "@/ui/badges";
import { Name, Section, Time } from "@/ui/bits";
import { plural } from "@/ui/format";
import { CancelJob } from "@/ui/jobs";
import { Scroll } from "@/ui/Scroll";

const waitsFor = (job: VerificationJob) => (job.state === "running" ? "" : `a worker${job.pool ? ` of ${job.pool}` : ""}`);

/** Verifications that wait for a worker or are being carried out. Nothing is shown where there is none. */
export function Queue({ project }: { project: string }) {
  const { data } = useQuery({ ...openJobsQuery({ project }), refetchInterval: 5000 });
  if (!data?.length) return null;
  return (
    <Section title="Queue" aside={<span className="muted small">{plural(data.length, "verification")}{data.length === 200 && " or more"}</span>}>
      <Scroll label="Queue">
        <table className="plain-table">
          <thead><tr><th>Run</th><th>Level</th><th>State</th><th className="wide">Waits for</th><th className="wide">Asked for</th><th className="wide">Worker</th><th><span className="sr-only">Do</span></th></tr></thead>
          <tbody>
            {data.map((job) => (
              <tr key={job.id}>
                <th scope="row"><Link href={`/runs/${job.run_id}`}><Name>{job.run_name}</Name></Link><span className="muted small block">{job.project}</span></th>
                <td>{job.level}</td>
                <td className="nowrap"><Badge quiet spec={JOBS[job.state]} /></td>
                <td className="wide muted">{waitsFor(job) || "–"}</td>
                <td className="wide muted"><Time at={job.requested_at} /> {job.trigger === "policy" ? "by the project’s policy" : <>by <Name>{job.requested_by}</Name></>}</td>
                <td className="wide mono">{job.worker ? <><Name>{job.worker}</Name>{job.attempts > 1 && <span className="tone-amber small"> attempt {job.attempts}</span>}</> : "–"}</td>
                <td><CancelJob job={job} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {data.every((job) => job.state === "queued") && <p className="muted small">No worker has one now: <code>runward worker</code>, on any machine that reaches this workspace, takes them.</p>}
    </Section>
  );
}
