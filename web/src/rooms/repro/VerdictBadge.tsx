import type { Verification } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { BADGES, badgeFor } from "@/ui/badges";

/** The level that was earned, or else the verdict; outdated when the run changed since. */
export function VerdictBadge({ verification: { verdict, level, outdated } }: { verification: Verification }) {
  const word = verdict === "reproduced" && level && level !== "none" ? level : verdict;
  return (
    <span className="badges">
      <Badge spec={badgeFor(word)} />
      {outdated && <Badge spec={BADGES.outdated} />}
    </span>
  );
}
