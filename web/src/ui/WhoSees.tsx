import { Button, Modal } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { Name } from "./bits";
import { labelQuery } from "./labels";
import { Scroll } from "./Scroll";
import { Loaded } from "./states";

type Place = { project: string } | { team: string };
interface Shown {
  /** What bears a label (`run:ID`): where it is restricted, not everybody who sees it reads its content. */
  thing?: string;
  /** Who else can see it. */
  also?: string;
}

const readsContent = (role: string, verbs: string[]) => role === "maintainer" || role === "admin" || verbs.includes("data.read_restricted");

/** Who can see a project with all in it, or what a team owns, and who reads what is restricted: for those who may change it. */
export function WhoSees({ thing = "", also = "", ...place }: Place & Shown) {
  const [opened, setOpened] = useState(false);
  const where = "project" in place ? place.project : place.team;
  return (
    <>
      <Button variant="subtle" onClick={() => setOpened(true)}>Who can see this</Button>
      <Modal opened={opened} onClose={() => setOpened(false)} title="Who can see this" size="lg" closeButtonProps={{ "aria-label": "Close" }}>
        <p className="muted">Whoever holds a role on {"project" in place ? "the project" : "the team"} <bdi>{where}</bdi>, above it, or on the whole workspace. Contributors and above can change it.{also && ` ${also}`}</p>
        {opened && <Members place={place} thing={thing} />}
      </Modal>
    </>
  );
}

function Members({ place, thing }: { place: Place; thing: string }) {
  const label = useQuery({ ...labelQuery(thing), enabled: thing !== "" }).data?.label ?? "internal";
  const restricted = label === "restricted" || label === "personal";
  const query = useQuery({
    queryKey: ["access", place],
    queryFn: ({ signal }) => "project" in place
      ? api.get("/api/v1/projects/{project}/access", { path: { project: place.project.replaceAll("/", ":") }, signal })
      : api.get("/api/v1/teams/{team}/access", { path: { team: place.team }, signal }),
  });
  return (
    <Loaded query={query}>
      {(access) => (
        <div className="stack">
        {restricted && <p className="note tone-amber">It is {label}: its content is read by those who may read restricted data; each reading is noted. The others see that it is there, and what is known of it.</p>}
        <Scroll label="Who can see this">
          <table className="plain-table card-table">
            <thead><tr><th>Name</th><th>Role</th>{restricted && <th>Content</th>}<th>By</th><th>Tokens</th></tr></thead>
            <tbody>
              {access.members.map((one) => (
                <tr key={one.name}>
                  <th scope="row"><Name>{one.name}</Name>{one.kind === "service" && <span className="muted"> service account</span>}</th>
                  <td data-label="Role">{[one.role, ...one.verbs].join(", ")}</td>
                  {restricted && <td data-label="Content">{readsContent(one.role, one.verbs) ? <span className="tone-green">✓ reads it</span> : <span className="muted">withheld</span>}</td>}
                  <td className="muted" data-label="By">{one.by.map((grant) => `${grant.role} ${grant.scope ? `of ${grant.scope}` : "of the workspace"}${grant.source === "group" ? " (group)" : ""}`).join(", ")}</td>
                  <td className="muted" data-label="Tokens">{one.tokens}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
        </div>
      )}
    </Loaded>
  );
}
