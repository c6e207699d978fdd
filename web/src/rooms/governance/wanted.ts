/** The page to go to after signing in: only an address of this site, so that a link cannot lead elsewhere. */
export function wantedUrl(next: string | null): string {
  if (!next || !next.startsWith("/") || /^\/[/\\]/.test(next) || next.startsWith("/sign-in")) return "/projects";
  return next;
}

let kept = "";

/**
 * The secret behind `#`; it is taken out of the address so that it does not stay in the history.
 * It is kept for later calls, because React may begin to draw a page more than once.
 */
export function takeSecret(): string {
  const secret = decodeURIComponent(window.location.hash.slice(1));
  if (secret) {
    kept = secret;
    window.history.replaceState(null, "", window.location.pathname);
  }
  return kept;
}
