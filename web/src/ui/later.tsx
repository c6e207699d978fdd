import { type ComponentType, type ReactNode, useEffect, useState } from "react";
import { ErrorNote, Loading } from "./states";

type Loader<P> = () => Promise<{ default: ComponentType<P> }>;

/** A component whose program is fetched when it is first shown, or before that by `load`. */
export type Later<P> = ComponentType<P> & { load: () => Promise<void> };

/**
 * A part of the app with a file of its own. React's `lazy` would show the placeholder even where the program is there
 * already, and keep it for 300 ms once it was shown; this draws the part as soon as it can.
 */
export function later<P extends object>(loader: Loader<P>, waiting: (props: P) => ReactNode = () => <Loading rows={8} />): Later<P> {
  let arrived: ComponentType<P> | undefined;
  const load = async () => {
    arrived = (await loader()).default;
  };
  function Part(props: P) {
    const [Content, setContent] = useState(() => arrived);
    const [error, setError] = useState<unknown>();
    useEffect(() => {
      if (!Content) load().then(() => setContent(() => arrived), setError);
    }, [Content]);
    if (Content) return <Content {...props} />;
    return error === undefined ? waiting(props) : <ErrorNote error={error} retry={() => window.location.reload()} />;
  }
  return Object.assign(Part, { load });
}
