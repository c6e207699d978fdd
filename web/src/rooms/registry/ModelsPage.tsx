import { Page } from "@/ui/Page";
import { Empty } from "@/ui/states";

/** Versions of models and data; filled by registering them. */
export default function ModelsPage() {
  return (
    <Page title="Models & data" trail={[]}>
      <Empty title="No model and no dataset is registered" code={'import runward as run\nrun.log_artifact("model.pt")\nrun.register_model("digits", "model.pt")'}>
        Versions with their aliases will be listed here, each linked to the run, the code and the data it came from, with the review that let it through.
      </Empty>
    </Page>
  );
}
