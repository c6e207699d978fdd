const PATHS = {
  inbox: "M3 13l3-8h12l3 8v6H3zM3 13h5l1.5 3h5L16 13h5",
  projects: "M3 6h6l2 2h10v11H3z",
  reviews: "M4 5h16v11H10l-4 4v-4H4zM9 10.5l2 2 4-4",
  reproductions: "M4 9h16M4 15h16M8 4l-4 5 4 5",
  models: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  knowledge: "M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11M9 8h6",
  queue: "M4 6h16M4 12h11M4 18h7",
  insights: "M4 20V10M10 20V4M16 20v-7M21 20H3",
  admin: "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  search: "M11 18a7 7 0 1 1 0-14 7 7 0 0 1 0 14zM16.5 16.5L21 21",
} as const;

export type IconName = keyof typeof PATHS;

/** A line drawing of 18 px in the colour of the text around it. Always beside a word, so it is hidden from readers. */
export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={name === "more" ? 3 : 1.7}
      strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
