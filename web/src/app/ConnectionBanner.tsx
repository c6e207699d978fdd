import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useConnection } from "./connection";

/** Says that the server is gone, what is kept, and offers to try again. */
export function ConnectionBanner() {
  const { reachable, since } = useConnection();
  const client = useQueryClient();
  if (reachable) return null;
  return (
    <div className="banner" role="status">
      <span>
        <strong>The server does not answer.</strong> You see what was loaded until {new Date(since).toLocaleTimeString()}. Runs keep their
        points in their journals and send them later.
      </span>
      <Button variant="default" onClick={() => void client.invalidateQueries()}>Try again</Button>
    </div>
  );
}
