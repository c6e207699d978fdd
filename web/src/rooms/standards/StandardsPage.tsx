import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import type { StandardsInForce, StandardsValue } from "@/api/types";
import { Section } from "@/ui/bits";
import { CopyAs, pythonString, shellQuote } from "@/ui/CopyAs";
import { formatValue, plural } from "@/ui/format";
import { Markdown } from "@/ui/Markdown";
import { Page, projectTrail } from "@/ui/Page";
import { Scroll } from "@/ui/Scroll";
import { ErrorNote, Loading } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { Editor } from "./Editor";
import { labelOf, toDraft } from "./fields";
import { History } from "./History";
import { inForceQuery, ownFields, versionsQuery } from "./queries";
import "./standards.css";

function shown({ key, value }: StandardsValue) {
  if (value === "" || (Array.isArray(value) && value.length === 0)) return <span className="muted">none</span>;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (key === "thresholds" || (Array.isArray(value) && value.every((item) => typeof item === "string"))) {
    return <>{String(toDraft(key, value)).split("\n").map((line) => <span key={line} className="block">{line}</span>)}</>;
  }
  return formatValue(value);
}

function Values({ values, project, label }: { values: StandardsValue[]; project: string; label: string }) {
  return (
    <Scroll label={label}>
      <table className="plain-table">
        <thead><tr><th>Asked</th><th>Is</th><th>Said by</th></tr></thead>
        <tbody>
          {values.map((value) => (
            <tr key={value.key}>
              <th scope="row"><span title={value.key}>{labelOf(value.key)}</span></th>
              <td className="mono break">{value.key === "release_process" && value.value ? "below" : shown(value)}</td>
              <td className="muted">{value.project === "" ? "nobody" : value.project === project ? <>here, v{value.version}</> : <><Link href={`/standards/${value.project}`}><bdi>{value.project}</bdi></Link>, v{value.version}</>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function InForce({ found }: { found: StandardsInForce }) {
  const said = found.values.filter((value) => value.project !== "");
  const unsaid = found.values.filter((value) => value.project === "");
  return (
    <>
      <Section title="In force" aside={<span className="muted small">{plural(said.length, "value")} said</span>}>
        {said.length ? <Values values={said} project={found.project} label="Values in force" /> : (
          <p className="muted">Neither this project nor one above says anything, so everything is Runward’s own default.</p>
        )}
        {unsaid.length > 0 && (
          <details className="standards-unsaid" open={said.length === 0}>
            <summary>{plural(unsaid.length, "value")} that nobody said: the defaults</summary>
            <Values values={unsaid} project={found.project} label="Defaults" />
          </details>
        )}
      </Section>
      {found.standards.release_process && <Section title="Releases"><Markdown text={found.standards.release_process} /></Section>}
    </>
  );
}

/** What a project asks of its results: values with who said them, every version, and an editor. */
export default function StandardsPage({ path }: { path: string }) {
  const [url, setUrl] = useUrlState();
  const found = useQuery(inForceQuery(path));
  const versions = useQuery(versionsQuery(path));
  const editing = url.get("edit") === "1";
  const title = `Standards of ${path.split("/").at(-1) ?? path}`;
  const error = found.error ?? versions.error;
  if (!found.data || !versions.data) {
    return <Page title={title} trail={projectTrail(path)}>{error ? <ErrorNote error={error} retry={() => { void found.refetch(); void versions.refetch(); }} /> : <Loading rows={10} />}</Page>;
  }
  const recipe = { cli: `runward standards show ${shellQuote(path)}`, python: `found = workspace.standards.in_force(${pythonString(path)})\n` };
  return (
    <Page title={title} trail={projectTrail(path)} badges={<span className="muted">{found.data.version ? `version ${found.data.version}` : "all inherited"}</span>}
      actions={<><CopyAs recipe={recipe} />{!editing && <Button size="xs" onClick={() => setUrl({ edit: "1" })}>Edit</Button>}</>}>
      {editing ? <Editor found={found.data} own={ownFields(versions.data[0])} close={() => setUrl({ edit: null })} /> : (
        <>
          <InForce found={found.data} />
          <History project={path} versions={versions.data} etag={found.data.etag} />
        </>
      )}
    </Page>
  );
}
