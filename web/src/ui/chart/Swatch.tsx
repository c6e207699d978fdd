import { cssColor, type Look } from "./colors";

/** The look of a line beside its name. */
export function Swatch({ look }: { look: Look | undefined }) {
  const dash = look?.dash ? "swatch dashed" : "swatch";
  return <span className={dash} style={{ color: cssColor(look?.color ?? 0) }} aria-hidden="true" />;
}
