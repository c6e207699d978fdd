import type { Verification } from "@/api/types";
import { Badge } from "@/ui/Badge";
import { BADGES, badgeFor } from "@/ui/badges";
import { wordOf } from "@/ui/Evidence";

/** The level that was earned, or else the verdict; outdated when the run changed since. */
export function VerdictBadge({ verification }: { verification: Verification }) {
  return (
    <span className="badges">
      <Badge spec={badgeFor(wordOf(verification))} />
      {verification.outdated && <Badge spec={BADGES.outdated} />}
    </span>
  );
}
