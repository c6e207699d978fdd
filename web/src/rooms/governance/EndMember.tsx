import { Button, Modal } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { Member } from "@/api/types";
import { Name } from "@/ui/bits";
import { ErrorNote } from "@/ui/states";
import { membersQuery } from "./people";

/** Says what ends and what stays before a member is deactivated. */
export function EndMember({ member, close }: { member: Member | null; close: () => void }) {
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: (id: string) => api.post("/api/v1/members/{member}/deactivation", { path: { member: id } }),
    onSuccess: () => {
      close();
      return Promise.all([client.invalidateQueries({ queryKey: membersQuery.queryKey }), client.invalidateQueries({ queryKey: ["tokens"] })]);
    },
  });
  return (
    <Modal opened={member !== null} onClose={close} title="Deactivate a member" closeButtonProps={{ "aria-label": "Close" }}>
      {member && (
        <div className="stack">
          <p><strong><Name>{member.name}</Name></strong> is out at once: all sessions, one-time links and tokens end. Programs that use those tokens stop.</p>
          <p className="muted">What they made stays: runs, pages, reviews, the audit trail. They can be let in again; the tokens stay ended.</p>
          {end.isError && <ErrorNote error={end.error} />}
          <Button color="red.9" loading={end.isPending} onClick={() => end.mutate(member.id)}>Deactivate {member.name}</Button>
        </div>
      )}
    </Modal>
  );
}
