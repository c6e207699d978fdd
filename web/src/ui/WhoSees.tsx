import { Button, Modal } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { Name } from "./bits";
import { Scroll } from "./Scroll";
import { Loaded } from "./states";

type Place = { project: string } | { team: string };

/** Who can see a project with all in it, or what a team owns: for those who may change it. */
export function WhoSees(place: Place) {
  const [opened, setOpened] = useState(false);
  const where = "project" in place ? place.project : place.team;
  return (
    <>
      <Button variant="subtle" onClick={() => setOpened(true)}>Who can see this</Button>
      <Modal opened={opened} onClose={() => setOpened(false)} title="Who can see this" size="lg" closeButtonProps={{ "aria-label": "Close" }}>
        <p className="muted">Whoever holds a role on {"project" in place ? "the project" : "the team"} <bdi>{where}</bdi>, above it, or on the whole workspace. Contributors and above can change it.</p>
        {opened && <Members {...place} />}
      </Modal>
    </>
  );
}

function Members(place: Place) {
  const query = useQuery({
    queryKey: ["access", place],
    queryFn: ({ signal }) => "project" in place
      ? api.get("/api/v1/projects/{project}/access", { path: { project: place.project.replaceAll("/", ":") }, signal })
      : api.get("/api/v1/teams/{team}/access", { path: { team: place.team }, signal }),
  });
  return (
    <Loaded query={query}>
      {(access) => (
        <Scroll label="Who can see this">
          <table className="plain-table card-table">
            <thead><tr><th>Name</th><th>Role</th><th>By</th><th>Tokens</th></tr></thead>
            <tbody>
              {access.members.map((one) => (
                <tr key={one.name}>
                  <th scope="row"><Name>{one.name}</Name>{one.kind === "service" && <span className="muted"> service account</span>}</th>
                  <td data-label="Role">{[one.role, ...one.verbs].join(", ")}</td>
                  <td className="muted" data-label="By">{one.by.map((grant) => `${grant.role} ${grant.scope ? `of ${grant.scope}` : "of the workspace"}${grant.source === "group" ? " (group)" : ""}`).join(", ")}</td>
                  <td className="muted" data-label="Tokens">{one.tokens}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Loaded>
  );
}
