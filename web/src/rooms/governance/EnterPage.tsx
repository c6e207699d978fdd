import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { Link, useLocation } from "wouter";
import { enterByLink } from "@/api/session";
import { ErrorNote, Loading } from "@/ui/states";
import { Alone } from "./Alone";
import { takeSecret } from "./wanted";

/** Signs in with the one-time link that the server printed. */
export default function EnterPage() {
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const started = useRef(false);
  const { mutate, isError, error } = useMutation({
    mutationFn: enterByLink,
    onSuccess: () => {
      client.clear();
      navigate("/projects", { replace: true });
    },
  });
  useEffect(() => {
    const enter = () => {
      const secret = takeSecret();
      if (secret || !started.current) mutate(secret);
      started.current = true;
    };
    enter();
    // A second link pasted into the same tab changes only the part behind #, which loads no page.
    window.addEventListener("hashchange", enter);
    return () => window.removeEventListener("hashchange", enter);
  }, [mutate]);
  return (
    <Alone title={isError ? "The link does not work" : "Signing in"}>
      {isError ? (
        <>
          <ErrorNote error={error} />
          <p className="muted">A link works once and not for long. <code>runward server</code> prints a new one; or <Link href="/sign-in">sign in with a password</Link>.</p>
        </>
      ) : <Loading rows={2} label="Signing in" />}
    </Alone>
  );
}
