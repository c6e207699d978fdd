import type { RunDetail } from "@/api/types";
import LineageView from "@/ui/lineage/LineageView";

/** The data that the run read and made, and the models that came of it. */
export default function LineageTab({ detail: { run } }: { detail: RunDetail }) {
  return <LineageView project={run.project} of={`run:${run.id}`} focus={`run:${run.id}`} />;
}
