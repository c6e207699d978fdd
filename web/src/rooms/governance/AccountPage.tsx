import { Button, PasswordInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link } from "wouter";
import { ApiError } from "@/api/client";
import { changePassword, providerUrl, useMe, waysQuery } from "@/api/session";
import { Facts, Name, Section } from "@/ui/bits";
import { Page } from "@/ui/Page";
import { ErrorNote, Loaded } from "@/ui/states";
import { YourData } from "./privacy/YourData";

function Password() {
  const [present, setPresent] = useState("");
  const [password, setPassword] = useState("");
  const change = useMutation({
    mutationFn: () => changePassword(present, password),
    onSuccess: () => { setPresent(""); setPassword(""); },
  });
  const wrong = change.error instanceof ApiError && change.error.status === 403;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <form className="stack narrow" onSubmit={submit}>
      <PasswordInput size="xs" label="Present password" autoComplete="current-password" required value={present} onChange={(event) => setPresent(event.currentTarget.value)} error={wrong ? "It is wrong." : undefined} />
      <PasswordInput size="xs" label="New password" description="At least 12 characters; a few words in a row are easy to keep." autoComplete="new-password" required minLength={12} value={password} onChange={(event) => setPassword(event.currentTarget.value)} />
      {change.isError && !wrong && <ErrorNote error={change.error} />}
      {change.isSuccess && <p role="status" className="tone-green">✓ Changed. Your other sessions have ended.</p>}
      <Button type="submit" size="xs" loading={change.isPending}>Change it</Button>
    </form>
  );
}

function Provider({ label }: { label: string }) {
  const connect = useMutation({ mutationFn: () => providerUrl("/account", true), onSuccess: (url) => window.location.assign(url) });
  return (
    <>
      <p className="muted">Once connected, either way leads to this account. Roles that your groups give are added to those you have.</p>
      <Button size="xs" variant="default" loading={connect.isPending || connect.isSuccess} onClick={() => connect.mutate()}>Connect {label}</Button>
      {connect.isError && <ErrorNote error={connect.error} />}
    </>
  );
}

/** Who the reader is here, and how they sign in. */
export default function AccountPage() {
  const me = useMe();
  const ways = useQuery(waysQuery);
  return (
    <Page title="Your account" trail={[]}>
      <Loaded query={me} rows={3}>
        {(found) => (
          <Facts rows={[
            ["Name", <Name key="name">{found.name}</Name>],
            ["Role", found.role ? `${found.role} of the workspace` : "none on the whole workspace"],
            ["Teams", Object.entries(found.teams).map(([team, role]) => `${role} of ${team}`).join(", ") || "none"],
            ["Tokens", <Link key="tokens" href="/admin/tokens">your tokens</Link>],
          ]} />
        )}
      </Loaded>
      <div className="spaced">
      {ways.data?.provider && <Section title="Single sign-on"><Provider label={ways.data.provider} /></Section>}
      <Section title="Password"><Password /></Section>
      {me.data && <Section title="Your data"><YourData name={me.data.name} /></Section>}
      </div>
    </Page>
  );
}
