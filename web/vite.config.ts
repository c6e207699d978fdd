import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const src = fileURLToPath(new URL("./src", import.meta.url));

/** Dialogs, and what else no page starts with. */
const FURTHER = /components\/(Modal|ModalBase|Textarea|SegmentedControl|FloatingIndicator|ScrollArea|Radio|Accordion)\/|remove-scroll|use-sidecar|style-singleton|src\/ui\/(markdownParser|Markdown)\./;

/** Puts the early script first, and tells it which files the pages consist of that it knows from their addresses. */
function early(): Plugin {
  const pages = { project: "/rooms/tracking/ProjectPage.tsx", run: "/rooms/tracking/RunPage.tsx" };
  return {
    name: "early",
    transformIndexHtml: {
      order: "post",
      handler: (_, { bundle, chunk: main }) => {
        const chunks = Object.values(bundle ?? {}).filter((one) => one.type === "chunk");
        const chunkOf = (module: string) => chunks.find((one) => one.facadeModuleId === src + module);
        const withImports = (name: string): string[] => [name, ...(chunks.find((one) => one.fileName === name)?.imports ?? []).flatMap(withImports)];
        const started = new Set(main && withImports(main.fileName));
        const filesOf = (module: string) => [...new Set(withImports(chunkOf(module)?.fileName ?? ""))].filter((file) => file && !started.has(file)).map((file) => `/${file}`);
        const data = Object.entries(pages).map(([name, module]) => [`data-${name}`, filesOf(module).join(" ")]);
        return [{ tag: "script", attrs: { id: "early", type: "module", async: true, crossorigin: true, src: `/${chunkOf("/early.ts")?.fileName ?? "src/early.ts"}`, ...Object.fromEntries(data) }, injectTo: "head-prepend" }];
      },
    },
  };
}

export default defineConfig({
  plugins: [react(), early()],
  resolve: { alias: { "@": src } },
  build: {
    target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: fileURLToPath(new URL("./index.html", import.meta.url)), early: `${src}/early.ts` },
      // What many pages share is one file: a dozen small ones cost the first page a round trip more.
      output: { codeSplitting: { groups: [
        { name: "early", priority: 2, test: /src\/(early|api\/(early|place|url)|rooms\/tracking\/(request|fields))\.ts$/ },
        { name: "tracking", minShareCount: 2, test: /src\/(rooms\/tracking\/(?!ChartControls)\w+\.|ui\/chart\/)|virtual/ },
        { name: "shared", priority: 1, minShareCount: 5, maxModuleSize: 40_000, test: (id) => /src\/(ui|api)|@mantine|@tanstack/.test(id) && !FURTHER.test(id) },
        { name: "further", minShareCount: 2, test: FURTHER },
      ] } },
    },
  },
  server: { proxy: { "/api": process.env.RUNWARD_URL ?? "http://127.0.0.1:4747" } },
});
