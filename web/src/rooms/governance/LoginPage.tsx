import { Button, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { useSearch } from "wouter";
import { decideLogin, lookAtLogin, useMe } from "@/api/session";
import { Facts, Name, Time } from "@/ui/bits";
import { Page } from "@/ui/Page";
import { ErrorNote } from "@/ui/states";

/** Lets a command line in as the reader, or turns it away. */
export default function LoginPage() {
  const given = new URLSearchParams(useSearch()).get("code") ?? "";
  const [code, setCode] = useState(given);
  const me = useMe();
  const look = useMutation({ mutationFn: lookAtLogin });
  const { mutate } = look;
  const decide = useMutation({ mutationFn: (allow: boolean) => decideLogin(look.data?.code ?? "", allow) });
  useEffect(() => {
    if (given) mutate(given);
  }, [given, mutate]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    decide.reset();
    look.mutate(code);
  };
  if (decide.isSuccess) {
    return (
      <Page title={decide.variables ? "Let in" : "Turned away"} trail={[]}>
        <p role="status">{decide.variables ? "The command line goes on by itself. You can close this page." : "The command line gets nothing. You can close this page."}</p>
        {decide.variables && <p className="muted">Its token ends after 30 days; you can end it earlier under Admin, Tokens, or with <code>runward logout</code>.</p>}
      </Page>
    );
  }
  return (
    <Page title="Let a command line in" trail={[]}>
      <form className="field-row" onSubmit={submit}>
        <TextInput size="xs" label="The code that it shows" placeholder="BCDF-GHJK" required autoComplete="off" spellCheck={false} value={code} onChange={(event) => setCode(event.currentTarget.value)} />
        <Button type="submit" size="xs" variant={look.data ? "default" : "filled"} loading={look.isPending}>Look</Button>
      </form>
      {look.isError && <ErrorNote error={look.error} />}
      {look.data && (
        <div className="stack spaced">
          <Facts rows={[
            ["It calls itself", <Name key="label">{look.data.label}</Name>],
            ["It asks from", <span key="address" className="mono">{look.data.address || "an unknown address"}</span>],
            ["Since", <Time key="since" at={look.data.created_at} />],
            ["Code", <span key="code" className="mono">{look.data.code}</span>],
          ]} />
          <p>It will act as <strong><Name>{me.data?.name ?? "you"}</Name></strong>, with all that you may, for 30 days. Let it in only if you began this yourself just now and it shows this very code.</p>
          {decide.isError && <ErrorNote error={decide.error} />}
          <div className="field-row">
            <Button size="sm" loading={decide.isPending} onClick={() => decide.mutate(true)}>Let it in</Button>
            <Button size="sm" variant="default" disabled={decide.isPending} onClick={() => decide.mutate(false)}>Turn it away</Button>
          </div>
        </div>
      )}
    </Page>
  );
}
