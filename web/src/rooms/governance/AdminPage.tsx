import { useMe } from "@/api/session";
import { Page } from "@/ui/Page";
import { Tabs } from "@/ui/Tabs";
import { AuditTab } from "./AuditTab";
import { HealthTab } from "./HealthTab";
import { KeysTab } from "./KeysTab";
import { MembersTab } from "./MembersTab";
import { ErasureTab } from "./privacy/ErasureTab";
import { RetentionTab } from "./privacy/RetentionTab";
import { TokensTab } from "./TokensTab";

const TABS: [string, string][] = [["members", "Members"], ["tokens", "Tokens"], ["audit", "Audit"], ["retention", "Retention"], ["erasure", "Erasure"], ["keys", "Keys"], ["health", "Health"]];

function Part({ tab }: { tab: string }) {
  const manages = useMe().data?.role === "admin";
  if (tab === "tokens") return <TokensTab />;
  if (tab === "audit") return <AuditTab />;
  if (tab === "health") return <HealthTab />;
  if (tab === "keys") return <KeysTab />;
  if (tab === "retention") return <RetentionTab manages={manages} />;
  return tab === "erasure" ? <ErasureTab /> : <MembersTab />;
}

/** Who belongs here, what programs come in with, the trail of what was done, what is kept how long, who is forgotten, the keys, and how the server fares. */
export default function AdminPage({ tab }: { tab: string }) {
  return (
    <Page title="Admin" trail={[]}>
      <Tabs base="/admin" current={tab} label="Parts of the administration" tabs={TABS} />
      <Part tab={tab} />
    </Page>
  );
}
