import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation, useSearch } from "wouter";
import { ApiError } from "@/api/client";
import { signIn } from "@/api/session";
import { ErrorNote } from "@/ui/states";
import { Alone } from "./Alone";
import { wantedUrl } from "./wanted";

/** Name and password; afterwards the reader is where they wanted to go. */
export default function SignInPage() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [, navigate] = useLocation();
  const next = wantedUrl(new URLSearchParams(useSearch()).get("next"));
  const client = useQueryClient();
  const enter = useMutation({
    mutationFn: () => signIn(name.trim(), password),
    onSuccess: () => {
      client.clear();
      navigate(next, { replace: true });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    enter.mutate();
  };
  const wrong = enter.error instanceof ApiError && enter.error.status === 401;
  return (
    <Alone title="Sign in">
      <form className="stack" onSubmit={submit}>
        <TextInput label="Name" autoComplete="username" required value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <PasswordInput label="Password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.currentTarget.value)}
          error={wrong ? "Name or password is wrong." : undefined} />
        {enter.isError && !wrong && <ErrorNote error={enter.error} />}
        <Button type="submit" size="sm" loading={enter.isPending}>Sign in</Button>
      </form>
      <p className="muted small">There is no default password. Whoever owns the workspace’s folder gets a one-time link from <code>runward server</code>, and can invite you with <code>runward member create NAME</code>.</p>
    </Alone>
  );
}
