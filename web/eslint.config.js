import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

const rooms = ["tracking", "review", "repro", "knowledge", "coordination", "governance", "insights", "registry", "standards"];

export default tseslint.config(
  { ignores: ["src/api/schema.ts"] },
  ...tseslint.configs.strict,
  reactHooks.configs.flat["recommended-latest"],
  jsxA11y.flatConfigs.recommended,
  {
    files: ["src/**/*.{ts,tsx}"],
    rules: {
      "max-lines": ["error", 250],
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "react-hooks/incompatible-library": "off",
      // The scrolling regions must be reachable by keyboard, so they take focus.
      "jsx-a11y/no-noninteractive-tabindex": ["error", { tags: [], roles: ["region", "tabpanel", "group"] }],
    },
  },
  // Rooms meet only in app/, ui/ and api/, as the Python rooms meet only through their contracts.
  ...rooms.map((room) => ({
    files: [`src/rooms/${room}/**`],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: [...rooms.filter((r) => r !== room).map((r) => `@/rooms/${r}/*`), "@/app/*", "../../*"] }] },
      ],
    },
  })),
  {
    files: ["src/ui/**", "src/api/**"],
    rules: { "no-restricted-imports": ["error", { patterns: [{ group: ["@/rooms/*", "@/app/*"] }] }] },
  },
);
