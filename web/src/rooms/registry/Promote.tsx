import { Button } from "@mantine/core";
import { useState } from "react";
import type { Model, ModelVersion } from "@/api/types";
import { RequestReview } from "@/ui/RequestReview";

/** Asks for a review that gives a version an alias. */
export function Promote({ model, version }: { model: Model; version: ModelVersion }) {
  const [opened, setOpened] = useState(false);
  const alias = model.protected?.find((name) => !version.aliases?.includes(name)) ?? "";
  return (
    <>
      <Button variant="default" size="compact-xs" disabled={!version.run_id} title={version.run_id ? undefined : "It names no run, so there is nothing to review"} onClick={() => setOpened(true)}>
        Ask for promotion
      </Button>
      {opened && <RequestReview run={{ id: version.run_id, name: "" }} promotion={{ model: model.name, version: version.version, alias }} opened close={() => setOpened(false)} />}
    </>
  );
}

