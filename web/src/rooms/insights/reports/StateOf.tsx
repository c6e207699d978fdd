import type { Report } from "@/api/types";
import { Time } from "@/ui/bits";

/** Whether a report shows the present or what it was pinned to. */
export function StateOf({ report: { pin } }: { report: Report }) {
  if (!pin) return <span className="tone-green">● live</span>;
  return (
    <span>
      ◆ pinned <Time at={pin.at} />
      {pin.outdated && <span className="tone-amber" title="The report was edited after it was pinned"> ⟳ edited since</span>}
    </span>
  );
}
