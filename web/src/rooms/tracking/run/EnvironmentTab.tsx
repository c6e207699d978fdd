import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import type { RunDetail } from "@/api/types";
import { Facts, Section } from "@/ui/bits";
import { CodeBlock } from "@/ui/CodeBlock";
import { formatBytes, plural } from "@/ui/format";
import { saveText } from "@/ui/save";
import { Empty, Loaded } from "@/ui/states";
import { type EnvironmentCapture, type MachineCapture, useCapture } from "../captures";

const mono = (text: string | undefined) => <span className="mono">{text || "–"}</span>;

function Packages({ packages }: { packages: EnvironmentCapture["packages"] }) {
  const [wanted, setWanted] = useState("");
  const shown = packages.filter((one) => one.name.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <Section title={plural(packages.length, "package")}
      aside={<TextInput size="xs" data-filter placeholder="Filter packages  ( / )" aria-label="Filter packages" value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} />}>
      <table className="plain-table">
        <thead><tr><th>Name</th><th>Version</th><th className="wide">From</th></tr></thead>
        <tbody>
          {shown.map((one) => (
            <tr key={one.name}><td className="mono break">{one.name}</td><td className="mono">{one.version}</td><td className="wide muted">{one.source}</td></tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function Machine({ machine }: { machine: Partial<MachineCapture> }) {
  const threads = Object.entries(machine.threads ?? {}).map(([who, n]) => `${who}: ${n}`);
  return (
    <Section title="Machine">
      <Facts rows={[
        ["Host", mono(machine.hostname)],
        ["System", mono([machine.os, machine.kernel, machine.architecture].filter(Boolean).join(" · "))],
        ["Processor", mono(machine.cpu)],
        ["Cores", `${machine.usable_cpus ?? "–"} usable of ${machine.cpus ?? "–"}`],
        ["Memory", machine.memory_bytes ? formatBytes(machine.memory_bytes) : "–"],
        ["Graphics cards", machine.gpus?.length ? machine.gpus.map((gpu) => `${gpu.name} (driver ${gpu.driver || "unknown"})`).join(", ") : "none"],
        ["Threads", threads.join(", ") || "not limited"],
      ]} />
    </Section>
  );
}

/** The lock of what was installed: to be saved, or how it is had where none was stored. */
function Lock({ detail }: { detail: RunDetail }) {
  const lock = useCapture(detail, "pylock");
  const found = lock.data;
  if (lock.isPending) return null;
  const leftOut = Object.entries(found?.left_out ?? {});
  return (
    <Section title="Lock" aside={found?.text !== undefined && (
      <Button size="xs" variant="default" onClick={() => saveText("pylock.toml", found.text ?? "", "application/toml")}>Download pylock.toml</Button>
    )}>
      {found ? (
        <p className="small">What was installed, with the hashes of its files: {plural(found.packages ?? 0, "package")}. <code>uv pip sync pylock.toml</code> installs exactly that.</p>
      ) : (
        <p className="muted small">None was stored with this run. <code>runward env lock {detail.run.id} -o pylock.toml</code> writes it.</p>
      )}
      {leftOut.length > 0 && (
        <>
          <p className="small">Left out, for nobody named their files:</p>
          <ul className="small">{leftOut.map(([pin, why]) => <li key={pin}><span className="mono">{pin}</span> <span className="muted break">{why}</span></li>)}</ul>
        </>
      )}
    </Section>
  );
}

/** Python, packages, variables, machine and command line, as they were. */
export default function EnvironmentTab({ detail }: { detail: RunDetail }) {
  const environment = useCapture(detail, "environment");
  const machine = useCapture(detail, "machine");
  const process = useCapture(detail, "process");
  return (
    <Loaded query={environment}>
      {(found) =>
        found === null ? (
          <Empty title="No environment was captured">The run came from a client that sends none. Runs started with <code>runward run</code> or <code>run.start()</code> have it.</Empty>
        ) : (
          <div className="columns">
            <Packages packages={found.packages ?? []} />
            <div>
              <Section title="Python">
                <Facts rows={[
                  ["Version", mono(`${found.implementation ?? ""} ${found.python ?? ""}`.trim())],
                  ["Platform", mono(found.platform)],
                  ["C library", mono(found.libc)],
                  ...Object.entries(found.variables ?? {}).map(([key, value]): [string, React.ReactNode] => [key, mono(value)]),
                ]} />
              </Section>
              <Lock detail={detail} />
              {machine.data && <Machine machine={machine.data} />}
              {process.data && (
                <Section title="Command">
                  <CodeBlock code={(process.data.argv ?? []).join(" ")} label="command" />
                  <p className="muted small">in {process.data.cwd}</p>
                </Section>
              )}
            </div>
          </div>
        )
      }
    </Loaded>
  );
}
