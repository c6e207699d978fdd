import { Link } from "wouter";
import type { Deployment } from "@/api/types";
import { Badge } from "@/ui/Badge";
import type { BadgeSpec } from "@/ui/badges";
import { Name, Time } from "@/ui/bits";
import { Scroll } from "@/ui/Scroll";
import { hrefOfVersion } from "./models";

const STATES: Record<Deployment["state"], BadgeSpec> = {
  started: { sign: "▸", word: "started", tone: "accent", meaning: "It is being deployed." },
  live: { sign: "●", word: "live", tone: "green", meaning: "It went live." },
  failed: { sign: "✗", word: "failed", tone: "red", meaning: "It did not come up, or broke down." },
  retired: { sign: "–", word: "retired", tone: "grey", meaning: "It was taken out of service." },
};
const REVIEWED: BadgeSpec = { sign: "✓", word: "reviewed", tone: "green", meaning: "An applied review had let this version in, with its run as it is." };
const NOT_REVIEWED: BadgeSpec = { sign: "!", word: "not reviewed", tone: "amber", meaning: "No applied review had let this version in as it was." };

/** Where it answers, if that is an address of the web. */
function Target({ one }: { one: Deployment }) {
  return /^https?:\/\//.test(one.url) ? <a href={one.url} rel="noreferrer nofollow"><bdi>{one.target}</bdi></a> : <bdi>{one.target}</bdi>;
}

function Reviewed({ one }: { one: Deployment }) {
  return (
    <>
      <Badge spec={one.reviewed ? REVIEWED : NOT_REVIEWED} quiet />
      {one.warnings.map((warning) => <span key={warning} className="small muted block"><bdi>{warning}</bdi></span>)}
    </>
  );
}

/** Records of deployments, newest first. */
export function Deployments({ records, label }: { records: Deployment[]; label: string }) {
  return (
    <Scroll label={label}>
      <table className="plain-table">
        <thead><tr><th>Where</th><th>Version</th><th>State</th><th>Review</th><th className="wide">By</th><th className="wide">Note</th><th>When</th></tr></thead>
        <tbody>
          {records.map((one) => (
            <tr key={one.id}>
              <th scope="row"><Target one={one} /></th>
              <td><Link href={hrefOfVersion(one.model, one.version)}>{one.version}</Link></td>
              <td className="nowrap"><Badge spec={STATES[one.state]} quiet /></td>
              <td><Reviewed one={one} /></td>
              <td className="wide"><Name>{one.by}</Name></td>
              <td className="wide muted break"><bdi>{one.note || "–"}</bdi></td>
              <td className="muted nowrap"><Time at={one.at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
