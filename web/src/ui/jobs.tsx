import { Button, Menu } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ApiError } from "@/api/client";
import type { Run, VerificationJob } from "@/api/types";
import { BADGES } from "./badges";

const LEVELS = ["basic", "environment", "statistical"] as const;
const WORDS = {
  basic: "With the captured interpreter, on the worker’s machine.",
  environment: "In a clean environment, rebuilt from the captured packages.",
  statistical: "Several reruns with other seeds, compared by an equivalence test.",
} as const;

const said = (error: unknown) => (error instanceof ApiError ? `${error.message} ${error.hint}` : String(error));

/** Takes a verification out of the queue, or stops it. */
export function CancelJob({ job }: { job: VerificationJob }) {
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => api.post("/api/v1/verification-jobs/{job_id}/cancel", { path: { job_id: job.id }, body: { reason: "" } }),
    onSettled: () => client.invalidateQueries({ queryKey: ["verifications"] }),
  });
  return (
    <>
      <Button size="compact-xs" variant="default" loading={cancel.isPending} onClick={() => cancel.mutate()} aria-label={`Cancel the verification of ${job.run_name}`}>Cancel</Button>
      {cancel.isError && <span role="alert" className="tone-red small block">{said(cancel.error)}</span>}
    </>
  );
}

/** Asks for a verification of a run that is over. */
export function VerifyButton({ run }: { run: Run }) {
  const client = useQueryClient();
  const ask = useMutation({
    mutationFn: (level: (typeof LEVELS)[number]) => api.post("/api/v1/runs/{run_id}/verification-jobs", { path: { run_id: run.id }, body: { level } }),
    onSettled: () => client.invalidateQueries({ queryKey: ["verifications"] }),
  });
  const running = run.status === "running";
  return (
    <>
      <Menu position="bottom-end" shadow="none" width={320}>
        <Menu.Target>
          <Button size="compact-xs" variant="default" disabled={running} loading={ask.isPending} title={running ? "A run can be verified when it has ended" : undefined}>Verify…</Button>
        </Menu.Target>
        <Menu.Dropdown>
          {LEVELS.map((level) => (
            <Menu.Item key={level} onClick={() => ask.mutate(level)}>
              <span aria-hidden="true" className="badge-sign tone-green">{BADGES[level].sign}</span> {BADGES[level].word}
              <span className="muted small block">{WORDS[level]}</span>
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {ask.isError && <span role="alert" className="tone-red small">{said(ask.error)}</span>}
    </>
  );
}
