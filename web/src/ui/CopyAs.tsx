import { Button, Menu } from "@mantine/core";
import { useState } from "react";
import { copyText } from "./bits";

export interface Recipe {
  cli: string;
  python: string;
}

/** A value as a shell word. */
export const shellQuote = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** A value as a Python string. */
export const pythonString = (text: string): string => JSON.stringify(text);

/** "Copy as CLI" and "copy as Python": how the same view is had outside of the browser. */
export function CopyAs({ recipe }: { recipe: Recipe }) {
  const [done, setDone] = useState("");
  const copy = async (what: keyof Recipe) => {
    const connect = `import runward as run\n\nworkspace = run.connect(${pythonString(window.location.origin)})\n`;
    const ok = await copyText(what === "cli" ? recipe.cli : connect + recipe.python);
    setDone(ok ? "Copied" : "The browser refused");
    window.setTimeout(() => setDone(""), 1800);
  };
  return (
    <Menu position="bottom-end" shadow="none" width={420}>
      <Menu.Target>
        <Button variant="default" size="xs">{done || "Copy as…"}</Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => void copy("cli")}>
          Copy as CLI
          <code className="menu-code">{recipe.cli}</code>
        </Menu.Item>
        <Menu.Item onClick={() => void copy("python")}>
          Copy as Python
          <code className="menu-code">{recipe.python}</code>
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
