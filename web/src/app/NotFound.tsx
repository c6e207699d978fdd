import { Link } from "wouter";
import { Page } from "@/ui/Page";

/** An address that leads nowhere. */
export function NotFound() {
  return (
    <Page title="No such page" trail={[]}>
      <p className="muted">The address is not one of Runward’s. <Link href="/projects">Go to the projects</Link>, or press Ctrl K to search.</p>
    </Page>
  );
}
