import { Page } from "@/ui/Page";
import { Empty } from "@/ui/states";

/** Few figures about the team’s work, each with its formula and rows. */
export default function InsightsPage() {
  return (
    <Page title="Insights" trail={[]}>
      <Empty title="Not enough has happened for a figure" language="shell" code={"runward run -- python train.py\nrunward verify @last\nrunward review request @last"}>
        Reproduction rate, review coverage and time to a decision will be shown here for teams, each with its formula and the rows behind it. Never a ranking of people.
      </Empty>
    </Page>
  );
}
