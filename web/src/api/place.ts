/** Pages for who is not signed in yet. */
export const OPEN_PAGES = ["/sign-in", "/enter", "/welcome"];

interface Place {
  /** Path of the project that is shown. */
  project?: string;
  /** Id of the run that is shown. */
  run?: string;
  /** Whether the page is for somebody who is signed in. */
  known: boolean;
}

function decoded(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

/** What an address shows, as far as its data can be asked for in advance. */
export function placeOf(pathname: string): Place {
  const [, place, first, ...rest] = decoded(pathname).split("/");
  const known = !OPEN_PAGES.includes(pathname);
  if (place === "projects" && first) return { known, project: [first, ...rest].join("/") };
  return place === "runs" && first ? { known, run: first } : { known };
}
