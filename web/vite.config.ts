import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false },
    // What many pages share is one file: a dozen small ones cost the first page a round trip more.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "shared", minShareCount: 5, maxModuleSize: 40_000, test: /src\/(ui|api)|@mantine|@tanstack/ }] } } },
  },
  server: { proxy: { "/api": process.env.RUNWARD_URL ?? "http://127.0.0.1:4747" } },
});
