import { Link } from "wouter";
import { Page } from "@/ui/Page";
import { Empty } from "@/ui/states";

/** Who runs what and what waits; filled when jobs go through a queue. */
export default function QueuePage() {
  return (
    <Page title="Queue" trail={[]}>
      <Empty title="Nothing is queued" code={'import runward as run\nexp = run.Experiment([run.Task("train", train)], name="sweep")\nexp.run(detach=True)'}>
        Jobs that an executor holds will be listed here: who uses what now, what waits and why, in a sentence. Runs that are going on are in their{" "}
        <Link href="/projects">projects</Link> already.
      </Empty>
    </Page>
  );
}
