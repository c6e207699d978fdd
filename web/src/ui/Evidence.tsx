import { Portal } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { runVerificationsQuery } from "@/api/repro";
import type { Mark, Verification } from "@/api/types";
import { BADGES, badgeFor, badgeOfMark } from "./badges";
import { Name, Time } from "./bits";
import { formatDuration } from "./format";
import { ErrorNote, Loading } from "./states";

const WIDTH = 340;

/** The word that a verification is shown by: the level that was earned, or else the verdict. */
export const wordOf = ({ verdict, level }: Pick<Verification, "verdict" | "level">): string => (verdict === "reproduced" && level && level !== "none" ? level : verdict);

function Line({ one }: { one: Verification }) {
  const { sign, word, tone } = badgeFor(wordOf(one));
  return (
    <li>
      <Link href={`/reproductions/${one.id}`} className={`tone-${tone}`}><span aria-hidden="true" className="badge-sign">{sign}</span> {word}</Link>
      {one.outdated && <span className="tone-amber small"> {BADGES.outdated.sign} outdated</span>}
      <span className="muted small block"><Time at={one.at} /> by <Name>{one.by}</Name>{one.host && <> on {one.host}</>}, {formatDuration(one.duration_s)}</span>
    </li>
  );
}

function Content({ runId }: { runId: string }) {
  const query = useQuery(runVerificationsQuery(runId));
  if (!query.data) return query.isError ? <ErrorNote error={query.error} /> : <Loading rows={3} />;
  const [newest, ...older] = query.data;
  if (!newest) return <p className="muted">Its evidence is gone.</p>;
  return (
    <>
      <ul className="plain-list"><Line one={newest} /></ul>
      {newest.attempted && newest.attempted !== newest.level && <p className="small">Asked for: {newest.attempted}.</p>}
      {newest.outdated && <p className="small tone-amber">{BADGES.outdated.meaning}</p>}
      <p className="small break evidence-reason"><bdi>{newest.reason}</bdi></p>
      {older.length > 0 && <><h3 className="muted small">Before</h3><ul className="plain-list">{older.map((one) => <Line key={one.id} one={one} />)}</ul></>}
      <p><Link href={`/reproductions/${newest.id}`}>All of its evidence</Link></p>
    </>
  );
}

/** A box beside what was clicked; Escape, a click elsewhere or scrolling closes it. */
function Box({ anchor, runId, close }: { anchor: HTMLElement; runId: string; close: (refocus: boolean) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const { left, bottom, top } = anchor.getBoundingClientRect();
  const below = bottom < window.innerHeight * 0.6;
  useEffect(() => box.current?.focus(), []);
  useEffect(() => {
    const away = (event: Event) => {
      const inside = event.target instanceof Node && (box.current?.contains(event.target) || anchor.contains(event.target));
      if (!inside) close(false);
    };
    const events = ["pointerdown", "scroll", "resize"];
    events.forEach((event) => window.addEventListener(event, away, true));
    return () => events.forEach((event) => window.removeEventListener(event, away, true));
  }, [anchor, close]);
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- Escape closes it, as it does every dialog
    <div ref={box} role="dialog" aria-label="How it was verified" tabIndex={-1} className="evidence-box"
      onKeyDown={(event) => { if (event.key === "Escape") { event.stopPropagation(); close(true); } }}
      style={{ left: Math.max(8, Math.min(left, window.innerWidth - WIDTH - 8)), width: Math.min(WIDTH, window.innerWidth - 16), ...(below ? { top: bottom + 4 } : { bottom: window.innerHeight - top + 4 }) }}>
      <Content runId={runId} />
    </div>
  );
}

/** A verdict's badge that opens what was run: when, by whom, where, and what came out. */
export function Evidence({ mark, runId }: { mark: Mark; runId: string }) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const { sign, word, tone, meaning } = badgeOfMark(mark);
  const close = useCallback((refocus: boolean) => {
    if (refocus) anchor?.focus();
    setAnchor(null);
  }, [anchor]);
  return (
    <>
      <button type="button" className={`badge badge-button tone-${tone}`} title={meaning} aria-haspopup="dialog" aria-expanded={anchor !== null}
        onClick={({ currentTarget }) => setAnchor(anchor ? null : currentTarget)}>
        <span aria-hidden="true" className="badge-sign">{sign}</span>
        {word}
      </button>
      {anchor && <Portal><Box anchor={anchor} runId={runId} close={close} /></Portal>}
    </>
  );
}
