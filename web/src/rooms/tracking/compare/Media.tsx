import { useMedia } from "@/api/media";
import type { Differences } from "@/api/types";
import { Empty, Loaded } from "@/ui/states";
import { MediaPanels } from "../media/MediaPanels";

const RUNS = 12;

/** The media of the first runs beside each other. */
export default function Media({ found }: { found: Differences }) {
  const runs = found.runs.slice(0, RUNS);
  const query = useMedia(runs.map((run) => run.id));
  return (
    <Loaded query={query}>
      {(media) => (media.every((one) => one.media.length === 0)
        ? <Empty title="No media logged">None of the first {runs.length} runs logged images, sounds, texts, tables or histograms.</Empty>
        : (
          <>
            {found.runs.length > RUNS && <p className="muted">The media of the first {RUNS} of {found.runs.length} runs.</p>}
            <MediaPanels found={media} names={new Map(runs.map((run) => [run.id, run.name]))} />
          </>
        ))}
    </Loaded>
  );
}
