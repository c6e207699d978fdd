import { Button, Modal, Select } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import type { Erasure } from "@/api/types";
import { ErrorNote } from "@/ui/states";
import { type Decisions, Files } from "./Found";

const OTHERS = [
  { value: "", label: "ask when one is found" },
  { value: "replace", label: "write the name anew in text, ask about the rest" },
  { value: "delete", label: "delete them all" },
];

/** Says what cannot be undone before an erasure begins, and what becomes of files that name the person. */
export function Decide({ erasure, close }: { erasure: Erasure | null; close: () => void }) {
  const client = useQueryClient();
  const [decisions, setDecisions] = useState<Decisions>({});
  const [others, setOthers] = useState("replace");
  const waits = erasure?.state === "waiting";
  const go = useMutation({
    mutationFn: (id: string) => {
      const rest = others && !waits ? { others: { action: others as "replace" | "delete", reason: "" } } : {};
      const body = { files: decisions, ...rest };
      return waits ? api.post("/api/v1/erasures/{erasure_id}/decisions", { path: { erasure_id: id }, body }) : api.post("/api/v1/erasures/{erasure_id}/confirmation", { path: { erasure_id: id }, body });
    },
    onSuccess: () => {
      setDecisions({});
      close();
      return client.invalidateQueries({ queryKey: ["erasures"] });
    },
  });
  const undecided = erasure?.waits_for.some((file) => !decisions[file.digest] || (decisions[file.digest]?.action === "keep" && !decisions[file.digest]?.reason)) ?? false;
  return (
    <Modal opened={erasure !== null} onClose={close} size="lg" title={waits ? "Files that name the person" : "Confirm an erasure"} closeButtonProps={{ "aria-label": "Close" }}>
      {erasure && (
        <div className="stack">
          {waits ? <p>These cannot be written anew by themselves. The erasure goes on once each is decided.</p> : (
            <>
              <p><strong>It cannot be undone.</strong> The member is out at once and becomes <span className="mono">{erasure.pseudonym}</span> everywhere; the key of what is theirs is destroyed.</p>
              <p className="muted">What they made stays under the pseudonym; approvals, certificates and the audit trail still hold. Asked for by {erasure.requested_by}: {erasure.reason}</p>
              <Select size="xs" label="Stored files that name them" data={OTHERS} value={others} allowDeselect={false} onChange={(value) => setOthers(value ?? "")} />
            </>
          )}
          {waits && <Files files={erasure.waits_for} decisions={decisions} decide={(digest, decision) => setDecisions((now) => ({ ...now, [digest]: decision }))} />}
          {go.isError && <ErrorNote error={go.error} />}
          <Button color="red.9" disabled={waits && undecided} loading={go.isPending} onClick={() => go.mutate(erasure.id)}>{waits ? "Go on" : `Erase for good`}</Button>
        </div>
      )}
    </Modal>
  );
}
