import { TextInput } from "@mantine/core";
import { Link } from "wouter";
import type { RunDetail } from "@/api/types";
import { Name } from "@/ui/bits";
import { formatValue, plural } from "@/ui/format";
import { Empty } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { Scroll } from "@/ui/Scroll";

const ORIGINS: Record<string, string> = { run: "given to this run", user: "the person’s own defaults", project: "the project’s standards", team: "the team’s standards", default: "default of the code" };

/** Where a value came from, in words, with a link to whose standards or which shared configuration said it. */
function Origin({ origin }: { origin: string }) {
  const [word = "", name = "", version = ""] = origin.split(" ");
  if (word === "library" && name) return <><Link href={`/libraries/${name}`}>{name}</Link> {version}</>;
  if ((word === "project" || word === "team") && name) {
    return <>standards of <Link href={`/standards/${name}`}>{name}</Link>, {version}</>;
  }
  return <>{ORIGINS[word] ?? origin}</>;
}

/** Every parameter with the place its value came from. */
export default function ConfigTab({ detail }: { detail: RunDetail }) {
  const [url, setUrl] = useUrlState();
  const wanted = (url.get("p") ?? "").toLowerCase();
  const shown = detail.params.filter((param) => param.key.toLowerCase().includes(wanted));
  if (detail.params.length === 0) {
    return <Empty title="No parameter logged" code={`run.log_params({"lr": 0.1, "seed": 7})`}>What a run was given is listed here with its origin.</Empty>;
  }
  return (
    <>
      <div className="toolbar">
        <TextInput className="grow" data-filter placeholder="Filter parameters  ( / )" aria-label="Filter parameters" value={url.get("p") ?? ""}
          onChange={(event) => setUrl({ p: event.currentTarget.value })} />
        <span className="muted">{plural(shown.length, "parameter")}</span>
      </div>
      <Scroll label="Parameters">
        <table className="plain-table">
          <thead><tr><th>Parameter</th><th>Value</th><th>Origin</th></tr></thead>
          <tbody>
            {shown.map((param) => (
              <tr key={param.key}>
                <th scope="row" className="mono key"><Name>{param.key}</Name></th>
                <td className="mono break"><bdi>{formatValue(param.value)}</bdi></td>
                <td className="muted nowrap"><Origin origin={param.origin} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}
