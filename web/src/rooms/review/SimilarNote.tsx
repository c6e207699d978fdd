import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api } from "@/api/client";

/** Earlier reviews of similar changes that were rejected, and why. Nothing where there is none. */
export function SimilarNote({ id }: { id: string }) {
  const { data } = useQuery({
    queryKey: ["similar", id],
    queryFn: ({ signal }) => api.get("/api/v1/reviews/{review_id}/similar", { path: { review_id: id }, signal }),
  });
  if (!data?.length) return null;
  return (
    <ul className="note tone-amber similar" aria-label="Similar changes that were rejected">
      {data.map((found) => (
        <li key={found.id}>
          A similar change was rejected in <Link href={`/reviews/${found.id}`}>#{found.number} {found.title}</Link> by {found.decided_by}: {found.reason}
          <span className="muted small"> · both have {found.shared.slice(0, 5).join(", ")}{found.shared.length > 5 ? " …" : ""}</span>
        </li>
      ))}
    </ul>
  );
}
