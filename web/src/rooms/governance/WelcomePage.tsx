import { Button, PasswordInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { acceptInvitation } from "@/api/session";
import { ErrorNote } from "@/ui/states";
import { Alone } from "./Alone";
import { takeSecret } from "./wanted";

/** An invited member chooses a password. */
export default function WelcomePage() {
  const [secret] = useState(takeSecret);
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const accept = useMutation({
    mutationFn: () => acceptInvitation(secret, password),
    onSuccess: () => {
      client.clear();
      navigate("/projects", { replace: true });
    },
  });
  const differ = again !== "" && again !== password;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (password === again) accept.mutate();
  };
  if (!secret) {
    return <Alone title="The link is incomplete"><p>The part behind # is missing. Copy the whole link from the invitation; an opened link works once.</p></Alone>;
  }
  return (
    <Alone title="Choose a password">
      <form className="stack" onSubmit={submit}>
        <PasswordInput label="Password" description="At least 12 characters; a few words in a row are easy to keep." autoComplete="new-password" required minLength={12} value={password}
          onChange={(event) => setPassword(event.currentTarget.value)} />
        <PasswordInput label="Once more" autoComplete="new-password" required value={again} onChange={(event) => setAgain(event.currentTarget.value)}
          error={differ ? "The two are not the same." : undefined} />
        {accept.isError && <ErrorNote error={accept.error} />}
        <Button type="submit" size="sm" disabled={differ} loading={accept.isPending}>Start</Button>
      </form>
    </Alone>
  );
}
