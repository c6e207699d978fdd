import { Page } from "@/ui/Page";
import { Empty } from "@/ui/states";

/** Versions of models and data; filled by registering them. */
export default function ModelsPage() {
  return (
    <Page title="Models & data" trail={[]}>
      <Empty title="No model and no dataset is registered" code={'import runward as run\nrun.start(project="vision/digits")\nrun.log_artifact("model.pt")'}>
        Versions with their aliases will be listed here, each with its run, code, data and review. Files that runs keep are on their Artifacts tabs
        already, with content digests:
      </Empty>
    </Page>
  );
}
