import { Section } from "@/ui/bits";
import { plural } from "@/ui/format";
import { SideBySide } from "@/ui/SideBySide";
import type { InputCheck } from "./report";

const SHOWN = 30;
const isDigest = (text: string | null) => text !== null && /^[0-9a-f]{40,}$/.test(text);

/** Every input that differs, as it was recorded and as it was in the rerun, beside each other. */
export function Differences({ inputs }: { inputs: InputCheck[] }) {
  const found = inputs.filter((input) => input.status === "different");
  if (found.length === 0) return null;
  return (
    <Section title="What differs, side by side" aside={<span className="muted small">{plural(found.length, "input")}; that one differs does not show that it is the cause</span>}>
      {found.slice(0, SHOWN).map((input) => (
        <div key={`${input.kind} ${input.name}`} className="difference">
          <h3><span className="muted">{input.kind}</span> <bdi className="mono break">{input.name}</bdi></h3>
          {isDigest(input.before) && isDigest(input.after)
            ? <p className="muted small">Other bytes: <code className="break">{input.before?.slice(0, 24)}</code> became <code className="break">{input.after?.slice(0, 24)}</code>.</p>
            : <SideBySide before={input.before ?? ""} after={input.after ?? ""} heads={["Recorded", "Rerun"]} label={`${input.kind} ${input.name}`} />}
        </div>
      ))}
      {found.length > SHOWN && <p className="muted small">{plural(found.length - SHOWN, "more input")} in the table above.</p>}
    </Section>
  );
}
