import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { labelQuery } from "@/ui/labels";
import { useUrlState } from "@/ui/urlState";

/** For what its reader reads a dataset: whether that is asked for, what may be said, and what is. */
export function usePurpose(dataset: string) {
  const [url, setUrl] = useUrlState();
  const query = useQuery(labelQuery(`dataset:${dataset}`));
  const allowed = query.data?.purposes ?? null;
  const said = url.get("for") ?? "";
  const purpose = allowed?.includes(said) ? said : "";
  return { allowed, purpose, ready: query.isSuccess && (allowed === null || purpose !== ""), say: (words: string | null) => setUrl({ for: words }) };
}

/** The purposes of a restricted dataset, of which its reader says one; nothing where none is asked for. */
export function ReadFor({ dataset }: { dataset: string }) {
  const { allowed, purpose, say } = usePurpose(dataset);
  if (allowed === null) return null;
  if (allowed.length === 0) return <p className="note tone-amber">No purpose fits all restricted data that this was made of: nobody reads it until their terms are changed.</p>;
  return <Select size="xs" className="read-for" label="You read it for" placeholder="say for what" description="Noted in the audit trail with each reading." data={allowed} value={purpose || null} onChange={say} />;
}
