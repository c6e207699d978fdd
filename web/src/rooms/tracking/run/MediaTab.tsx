import { useMedia } from "@/api/media";
import type { RunDetail } from "@/api/types";
import { Empty, Loaded } from "@/ui/states";
import { MediaPanels } from "../media/MediaPanels";

/** What the run logged beside numbers: images, sounds, texts, tables, histograms, step by step. */
export default function MediaTab({ detail: { run } }: { detail: RunDetail }) {
  const query = useMedia([run.id]);
  return (
    <Loaded query={query}>
      {(found) => (found.every(({ media }) => media.length === 0)
        ? <Empty title="No media logged" code={`run.log_image("samples", image, step=step)`}>Images, sounds, texts, tables and histograms are shown here, step by step.</Empty>
        : <MediaPanels found={found} names={new Map([[run.id, run.name]])} />)}
    </Loaded>
  );
}
