import { Checkbox } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import type { RunDetail } from "@/api/types";
import { plural } from "@/ui/format";
import { Empty, Loaded } from "@/ui/states";
import { useUrlState } from "@/ui/urlState";
import { outputQuery } from "../output";
import { asShown } from "./terminal";

/** What the run printed. While it runs, the end stays in view unless the reader turns that off. */
export default function OutputTab({ detail }: { detail: RunDetail }) {
  const { run } = detail;
  const [url, setUrl] = useUrlState();
  const follow = url.get("follow") !== "off" && run.status === "running";
  const output = useQuery(outputQuery(run.id));
  const box = useRef<HTMLPreElement>(null);
  const size = output.data?.chunks.length;
  const pieces = useMemo(() => asShown(output.data?.chunks ?? []), [output.data]);
  useEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [follow, size]);
  return (
    <Loaded query={output}>
      {({ chunks }) =>
        chunks.length === 0 ? (
          <Empty title="Nothing printed" code={`runward run --name ${run.name || "train"} -- python train.py`} language="shell">What the command prints is kept here, line by line, live.</Empty>
        ) : (
          <>
            <div className="toolbar">
              <span className="muted">{plural(chunks.reduce((n, chunk) => n + chunk.text.split("\n").length - 1, 0), "line")}, errors in amber</span>
              {run.status === "running" && <Checkbox size="xs" label="Follow the end" checked={follow} onChange={() => setUrl({ follow: follow ? "off" : null })} />}
            </div>
            <pre ref={box} className="output" tabIndex={0} role="region" aria-label="Output of the run">
              {pieces.map((piece, i) => <span key={i} className={piece.stream}>{piece.text}</span>)}
            </pre>
          </>
        )
      }
    </Loaded>
  );
}
