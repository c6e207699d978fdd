import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useLocation } from "wouter";
import { useMe } from "@/api/session";
import { useHotkeys } from "@/ui/hotkeys";
import { later } from "@/ui/later";
import { ErrorNote } from "@/ui/states";
import { ConnectionBanner } from "./ConnectionBanner";
import { useLive } from "./live";
import { Rail } from "./Rail";

// Fetched when the page stands: nobody sees them before they press a key.
const Palette = later(async () => ({ default: (await import("./Palette")).Palette }), () => null);
const HelpOverlay = later(async () => ({ default: (await import("./HelpOverlay")).HelpOverlay }), () => null);

/** Moves the keyboard to the page's filter or search field, if it has one. */
function focusFilter(): void {
  document.querySelector<HTMLInputElement>("[data-filter]")?.focus();
}

/** The frame around every page of somebody who is signed in. */
export function Shell({ children }: { children: ReactNode }) {
  const me = useMe();
  const client = useQueryClient();
  const [location] = useLocation();
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  useLive(client, me.isSuccess);
  useHotkeys({ "mod+k": () => setPalette(true), "?": () => setHelp(true), "/": focusFilter });
  if (me.isError && !me.data) {
    return <main className="alone"><ErrorNote error={me.error} retry={() => void me.refetch()} /></main>;
  }
  return (
    <div className="frame">
      <a className="skip" href="#content">Skip to the content</a>
      <main id="content" tabIndex={-1} className="content" key={location.split("/")[1]}>
        <ConnectionBanner />
        {children}
      </main>
      <Rail me={me.data} onSearch={() => setPalette(true)} />
      <Palette opened={palette} close={() => setPalette(false)} />
      <HelpOverlay opened={help} close={() => setHelp(false)} />
    </div>
  );
}
