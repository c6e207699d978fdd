import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { explanationsQuery, openJobsQuery, runVerificationsQuery } from "@/api/repro";
import type { Run } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { BADGES, badgeFor, JOBS } from "@/ui/badges";
import { Name, Section, Time } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { wordOf } from "@/ui/Evidence";
import { Explanations } from "@/ui/Explanations";
import { formatDuration } from "@/ui/format";
import { CancelJob, VerifyButton } from "@/ui/jobs";

/** How the run was verified, what waits, and why it differs from others. */
export function Reproduction({ run }: { run: Run }) {
  const verifications = useQuery(runVerificationsQuery(run.id));
  const jobs = useQuery({ ...openJobsQuery({ run_id: run.id }), refetchInterval: (query) => (query.state.data?.length ? 5000 : false) });
  const explanations = useQuery(explanationsQuery(run.id));
  const found = verifications.data ?? [];
  const none = verifications.data?.length === 0 && jobs.data?.length === 0;
  return (
    <>
      <Section title="Reproduction" aside={<VerifyButton run={run} />}>
        {none && <><p className="muted small">Nobody has tried to reproduce it. Here, or on your machine:</p><CodeBlock code={`runward verify ${run.id}`} label="shell" /></>}
        <ul className="plain-list evidence-list">
          {jobs.data?.map((job) => (
            <li key={job.id}>
              <Badge quiet spec={JOBS[job.state]} /> <span>{job.level}</span> <CancelJob job={job} />
              <span className="muted small block">asked for <Time at={job.requested_at} />{job.state === "queued" ? "; it waits for a worker" : <> on <Name>{job.worker}</Name></>}</span>
            </li>
          ))}
          {found.map((one) => (
            <li key={one.id}>
              <Link href={`/reproductions/${one.id}`} className="badges"><Badge quiet spec={badgeFor(wordOf(one))} />{one.outdated && <Badge quiet spec={BADGES.outdated} />}</Link>
              <span className="muted small"><Time at={one.at} /> by <Name>{one.by}</Name>{one.host && ` on ${one.host}`}, {formatDuration(one.duration_s)}</span>
              <span className="small block break evidence-reason"><bdi>{one.reason}</bdi></span>
            </li>
          ))}
        </ul>
        {found.length === 5 && <p className="small"><Link href={`/reproductions?run=${run.id}`}>All of them</Link></p>}
      </Section>
      <Explanations lines={explanations.data ?? []} runId={run.id} />
    </>
  );
}
