/** What became of a sign-in by the provider: what happened, and what to do next. The words never come from the address. */
const PROBLEMS: Record<string, [happened: string, next: string]> = {
  expired: ["The sign-in took too long, or was begun in another window.", "Begin again from here."],
  cancelled: ["The sign-in was given up at the provider.", "Begin again, or sign in with a password."],
  refused: ["The provider did not accept the sign-in.", "Begin again. If it stays so, the client’s settings at the provider and here do not fit: tell an admin of the workspace."],
  provider: ["What the provider said was not understood.", "Tell an admin of the workspace: the server’s log says what was wrong."],
  away: ["The provider does not answer.", "Try again in a minute. Who has a password can sign in with it."],
  forged: ["What came from the provider did not prove who you are.", "Begin again from here and open no links meanwhile. If it stays so, tell an admin: the server’s log says why."],
  no_access: ["The provider knows you, but none of your groups has a role here.", "Ask an admin of the workspace for a role, or whoever keeps the groups to add you."],
  no_member: ["The provider knows you, but you are not a member here.", "Ask an admin to invite you; then sign in with your password and connect the provider under Your account."],
  name_taken: ["A member here has your name and signs in another way.", "If that is you: sign in with your password and connect the provider under Your account. Otherwise ask an admin to make a member for you."],
  no_name: ["The provider tells no name that can be used here.", "Ask an admin to make a member for you and to connect it."],
  connected_elsewhere: ["Another member is connected with that account at the provider.", "Sign in with it directly, or ask an admin to disconnect it there."],
  disabled: ["Your membership was ended.", "An admin of the workspace can open it again."],
};

/** The explanation of a word that the server gave; null for a word that it never gives. */
export function explained(problem: string | null): { happened: string; next: string } | null {
  const found = problem !== null && Object.hasOwn(PROBLEMS, problem) ? PROBLEMS[problem] : undefined;
  return found ? { happened: found[0], next: found[1] } : null;
}
