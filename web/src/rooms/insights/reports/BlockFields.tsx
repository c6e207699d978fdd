import { Checkbox, NativeSelect, NumberInput, TagsInput, Textarea, TextInput } from "@mantine/core";
import type { KnownKeys, ReportBlock } from "@/api/types";

interface Props {
  block: ReportBlock;
  keys: KnownKeys | undefined;
  onChange: (change: Partial<ReportBlock>) => void;
}

const FIELDS = ["status", "duration_s", "created_by", "started_at", "seed", "branch", "commit"];

/** What may be named in the block's list of keys. */
function offered(kind: ReportBlock["kind"], keys: KnownKeys | undefined): string[] {
  const { metrics = [], params = [], tags = [] } = keys ?? {};
  if (kind === "runs") return [...metrics.map((key) => `metrics.${key}`), ...params.map((key) => `params.${key}`), ...tags.map((key) => `tags.${key}`), ...FIELDS];
  if (kind === "params") return params;
  return kind === "media" ? [] : metrics;
}

const LABELS: Partial<Record<ReportBlock["kind"], [string, string]>> = {
  runs: ["Columns", "metrics.loss, metrics.loss.min, params.lr, duration_s …"],
  curves: ["Metrics", "One chart for each."],
  groups: ["Metrics", "Means over the runs of a group."],
  params: ["Params", "None for all that differ."],
  media: ["Keys", "None for all."],
};

function Source({ block, onChange }: Omit<Props, "keys">) {
  return (
    <>
      {block.run_ids && block.run_ids.length > 0 && <TagsInput size="xs" label="Runs" description="Ids; without any, the condition decides." value={block.run_ids} onChange={(run_ids) => onChange({ run_ids })} />}
      {!block.run_ids?.length && <TextInput size="xs" label="Condition" classNames={{ input: "mono" }} placeholder='params.lr = 0.1 and tags.team = "vision"' value={block.where} onChange={(event) => onChange({ where: event.currentTarget.value })} />}
      <div className="field-row">
        <TextInput size="xs" label="Order" classNames={{ input: "mono" }} placeholder="-metrics.acc" value={block.sort} onChange={(event) => onChange({ sort: event.currentTarget.value })} />
        <NumberInput size="xs" label="At most" min={1} max={200} clampBehavior="strict" value={block.limit} onChange={(value) => typeof value === "number" && onChange({ limit: value })} />
      </div>
    </>
  );
}

function Drawing({ block, onChange }: Omit<Props, "keys">) {
  return (
    <div className="field-row">
      <NativeSelect size="xs" label="By" data={[{ value: "step", label: "step" }, { value: "relative", label: "relative time" }, { value: "wall", label: "time" }]} value={block.axis}
        onChange={(event) => onChange({ axis: event.currentTarget.value as ReportBlock["axis"] })} />
      <NumberInput size="xs" label="Smoothing" min={0} max={0.99} step={0.1} decimalScale={2} value={block.smooth} onChange={(value) => typeof value === "number" && onChange({ smooth: value })} />
      <Checkbox size="xs" label="Log y" checked={block.log} onChange={(event) => onChange({ log: event.currentTarget.checked })} />
    </div>
  );
}

/** The fields of a block, as its kind needs them. */
export function BlockFields({ block, keys, onChange }: Props) {
  const [label, description] = LABELS[block.kind] ?? ["", ""];
  return (
    <>
      <TextInput size="xs" label="Heading" value={block.title} onChange={(event) => onChange({ title: event.currentTarget.value })} />
      <Textarea size="xs" label="Text" description="Markdown" autosize minRows={block.kind === "text" ? 4 : 1} maxRows={20} value={block.text} onChange={(event) => onChange({ text: event.currentTarget.value })} />
      {block.kind !== "text" && <Source block={block} onChange={onChange} />}
      {block.kind === "groups" && <TagsInput size="xs" label="By" description="What the runs of a group share: params.lr, tags.team, experiment; params stands for all but the seed." data={["params", "experiment", ...offered("params", keys).map((key) => `params.${key}`)]} value={block.by} onChange={(by) => onChange({ by })} />}
      {label && <TagsInput size="xs" label={label} description={description} data={offered(block.kind, keys)} value={block.keys} onChange={(next) => onChange({ keys: next })} />}
      {block.kind === "curves" && <Drawing block={block} onChange={onChange} />}
      {block.kind === "media" && <NumberInput size="xs" label="Step" description="None for the last one." allowDecimal={false} value={block.step ?? ""} onChange={(value) => onChange({ step: value === "" ? null : Number(value) })} />}
    </>
  );
}
