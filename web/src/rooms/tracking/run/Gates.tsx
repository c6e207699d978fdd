import { useQuery } from "@tanstack/react-query";
import { api, ApiError } from "@/api/client";
import type { Run } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { BADGES } from "@/ui/badges";
import { Section } from "@/ui/bits";
import { Checks } from "@/ui/Checks";
import { Loaded } from "@/ui/states";

/** The project's standards, evaluated on this run's content, each with its evidence. */
export function Gates({ run }: { run: Run }) {
  const gates = useQuery({
    queryKey: ["run", run.id, "gates"],
    queryFn: ({ signal }) => api.get("/api/v1/runs/{run_id}/gates", { path: { run_id: run.id }, signal }),
    enabled: run.status !== "running",
  });
  if (run.status === "running" || (gates.error instanceof ApiError && gates.error.status === 404)) return null;
  return (
    <Loaded query={gates} rows={3}>
      {(report) => (
        <Section title="Gates" aside={<span className="badges"><Badge spec={report.passed ? BADGES.gates_pass : BADGES.gates_fail} />{report.outdated && <Badge spec={BADGES.outdated} />}</span>}>
          <Checks checks={report.results} />
        </Section>
      )}
    </Loaded>
  );
}
