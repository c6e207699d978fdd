import { pythonString } from "@/ui/CopyAs";

/** The three lines that put a first run into a project of this server. */
export function snippet(project: string): string {
  return [
    "import runward as run",
    `run.start(project=${pythonString(project)})          # RUNWARD_URL=${window.location.origin}`,
    "run.log_metrics({\"loss\": 0.42}, step=1)",
  ].join("\n");
}
