import { Button, Divider, PasswordInput, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation, useSearch } from "wouter";
import { ApiError } from "@/api/client";
import { providerUrl, signIn, waysQuery } from "@/api/session";
import { ErrorNote } from "@/ui/states";
import { Alone } from "./Alone";
import { explained } from "./problems";
import { wantedUrl } from "./wanted";

/** The way to the provider, where there is one. */
function ByProvider({ label, next }: { label: string; next: string }) {
  const leave = useMutation({ mutationFn: () => providerUrl(next), onSuccess: (url) => window.location.assign(url) });
  return (
    <>
      <Button size="sm" fullWidth loading={leave.isPending || leave.isSuccess} onClick={() => leave.mutate()}>Sign in with {label}</Button>
      {leave.isError && <ErrorNote error={leave.error} />}
      <Divider label="or with a password" labelPosition="center" />
    </>
  );
}

/** The provider, or name and password; afterwards the reader is where they wanted to go. */
export default function SignInPage() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [, navigate] = useLocation();
  const asked = new URLSearchParams(useSearch());
  const next = wantedUrl(asked.get("next"));
  const problem = explained(asked.get("problem"));
  const ways = useQuery(waysQuery);
  const provider = ways.data?.provider;
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
      {problem && <div role="alert" className="note tone-amber"><p><strong>{problem.happened}</strong></p><p>{problem.next}</p></div>}
      {provider && <ByProvider label={provider} next={next} />}
      <form className="stack" onSubmit={submit}>
        <TextInput label="Name" autoComplete="username" required value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <PasswordInput label="Password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.currentTarget.value)}
          error={wrong ? "Name or password is wrong." : undefined} />
        {enter.isError && !wrong && <ErrorNote error={enter.error} />}
        <Button type="submit" size="sm" variant={provider ? "default" : "filled"} loading={enter.isPending}>Sign in</Button>
      </form>
      <p className="muted small">There is no default password. Whoever owns the workspace’s folder gets a one-time link from <code>runward server</code>, and can invite you with <code>runward member create NAME</code>.</p>
    </Alone>
  );
}
