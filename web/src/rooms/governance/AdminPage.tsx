import { Page } from "@/ui/Page";
import { Tabs } from "@/ui/Tabs";
import { AuditTab } from "./AuditTab";
import { KeysTab } from "./KeysTab";
import { MembersTab } from "./MembersTab";
import { TokensTab } from "./TokensTab";

/** Who belongs here, what programs come in with, the trail of what was done, and the keys. */
export default function AdminPage({ tab }: { tab: string }) {
  return (
    <Page title="Admin" trail={[]}>
      <Tabs base="/admin" current={tab} label="Parts of the administration" tabs={[["members", "Members"], ["tokens", "Tokens"], ["audit", "Audit"], ["keys", "Keys"]]} />
      {tab === "tokens" ? <TokensTab /> : tab === "audit" ? <AuditTab /> : tab === "keys" ? <KeysTab /> : <MembersTab />}
    </Page>
  );
}
