import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { RunDetail } from "@/api/types";
import { Name, Time } from "@/ui/bits";
import { formatValue } from "@/ui/format";
import { Loaded } from "@/ui/states";
import { Scroll } from "@/ui/Scroll";

/** What happened to the run, newest first. */
export default function HistoryTab({ detail: { run } }: { detail: RunDetail }) {
  const history = useQuery({
    queryKey: ["run", run.id, "history"],
    queryFn: ({ signal }) => api.get("/api/v1/runs/{run_id}/history", { path: { run_id: run.id }, signal }),
  });
  return (
    <Loaded query={history}>
      {(entries) => (
        <Scroll label="History">
          <table className="plain-table">
            <thead><tr><th>When</th><th>What</th><th>Who</th><th className="wide">Details</th></tr></thead>
            <tbody>
              {entries.toReversed().map((entry) => (
                <tr key={entry.id}>
                  <td className="muted nowrap"><Time at={entry.at} /></td>
                  <td className="mono">{entry.kind}</td>
                  <td><Name>{entry.actor}</Name></td>
                  <td className="wide muted break">{Object.entries(entry.data).map(([key, value]) => `${key} ${formatValue(value)}`).join(" · ")}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Loaded>
  );
}
