// A real OpenID provider with one client. It ends when its standard input does.
//
// node provider.mjs ACCOUNTS.json REDIRECT_URI: the accounts are read again at every sign-in, so a test may change them.
// Whoever is named there signs in with any password. It prints one line of JSON when it answers: {"issuer": …}.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [accountsFile, redirectUri] = process.argv.slice(2);
const accounts = () => JSON.parse(readFileSync(accountsFile, "utf-8"));

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "runward",
        client_secret: "a secret of the test",
        redirect_uris: [redirectUri],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
      // Another application at the same provider: its codes are not ours.
      {
        client_id: "elsewhere",
        client_secret: "another secret",
        redirect_uris: [redirectUri],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email", "email_verified"], groups: ["groups"] },
    scopes: ["openid", "profile", "email", "groups"],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    cookies: { keys: ["only for tests"] },
    findAccount: (context, id) => (id in accounts() ? { accountId: id, claims: () => ({ sub: id, ...accounts()[id] }) } : undefined),
  });
  server.on("request", provider.callback());
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
});

process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
