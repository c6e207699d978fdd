import { Page } from "@/ui/Page";
import { Tabs } from "@/ui/Tabs";
import { AuditTab } from "./AuditTab";
import { MembersTab } from "./MembersTab";
import { TokensTab } from "./TokensTab";

/** Who belongs here, what programs come in with, and the trail of what was done. */
export default function AdminPage({ tab }: { tab: string }) {
  return (
    <Page title="Admin" trail={[]}>
      <Tabs base="/admin" current={tab} label="Parts of the administration" tabs={[["members", "Members"], ["tokens", "Tokens"], ["audit", "Audit"]]} />
      {tab === "tokens" ? <TokensTab /> : tab === "audit" ? <AuditTab /> : <MembersTab />}
    </Page>
  );
}
