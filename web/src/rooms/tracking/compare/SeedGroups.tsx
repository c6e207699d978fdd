import { FieldPicker } from "./FieldPicker";
import type { Differences } from "@/api/types";
import { useUrlState } from "@/ui/urlState";
import { mostLogged } from "./differences";
import { fieldOf, splitFields } from "../fields";
import { GroupedRuns } from "../GroupedRuns";
import { useSelection } from "../selection";

const METRICS = 4;

/** The compared runs as groups: by all parameters but the seed, or by what is chosen. */
export default function SeedGroups({ found }: { found: Differences }) {
  const [url, setUrl] = useUrlState();
  const selection = useSelection();
  const params = found.params.rows.map((row) => fieldOf(`params.${row.key}`));
  const by = splitFields(url.get("group") ?? "params");
  const sort = url.get("sort") ?? "";
  const [field, known] = [sort.replace(/^-/, ""), mostLogged(found).map((row) => fieldOf(`metrics.${row.key}`))];
  const metrics = [...new Set([...known.filter((key) => key === field), ...known])].slice(0, METRICS);
  const where = `id in (${found.runs.map((run) => `"${run.id}"`).join(", ")})`;
  return (
    <>
      <div className="toolbar"><FieldPicker label="Group by" value={by[0] ?? "params"} fields={["params", ...params]} onChange={(group) => setUrl({ group })} /></div>
      <GroupedRuns grouping={{ project: "", where, sort, by, metrics, against: "" }} selection={selection} />
    </>
  );
}
