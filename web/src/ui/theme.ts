import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

const petrol: MantineColorsTuple = [
  "#e6f3f3", "#cfe5e6", "#a0cccf", "#6fb4b8", "#48a0a5", "#2c8c92", "#0f757c", "#0b5f66", "#094e54", "#063c41",
];

/** Our look: dense, quiet, one accent. Colours of meaning live in tokens.css. */
export const theme = createTheme({
  primaryColor: "petrol",
  primaryShade: { light: 7, dark: 7 },
  colors: { petrol },
  fontFamily: "var(--rw-text-face)",
  fontFamilyMonospace: "var(--rw-mono-face)",
  fontSizes: { xs: "12px", sm: "13px", md: "14px", lg: "16px", xl: "20px" },
  headings: { fontFamily: "var(--rw-text-face)", fontWeight: "600" },
  defaultRadius: 4,
  cursorType: "pointer",
  components: {
    Button: { defaultProps: { size: "xs" } },
    TextInput: { defaultProps: { size: "sm" } },
    Popover: { defaultProps: { transitionProps: { duration: 0 } } },
    Menu: { defaultProps: { transitionProps: { duration: 0 } } },
    Modal: { defaultProps: { centered: true, transitionProps: { duration: 0 }, overlayProps: { backgroundOpacity: 0.4 } } },
  },
});

/** Hands our tokens to Mantine so that both speak of the same ink and paper. */
export const cssVariables: CSSVariablesResolver = () => {
  const shared = {
    "--mantine-color-body": "var(--rw-paper)",
    "--mantine-color-text": "var(--rw-ink)",
    "--mantine-color-dimmed": "var(--rw-muted)",
    "--mantine-color-default-border": "var(--rw-line-strong)",
    "--mantine-color-default": "var(--rw-panel)",
    "--mantine-color-default-color": "var(--rw-ink)",
    "--mantine-color-default-hover": "var(--rw-hover)",
    "--mantine-color-placeholder": "var(--rw-muted)",
    "--mantine-color-anchor": "var(--rw-accent)",
    "--mantine-color-error": "var(--rw-red)",
  };
  return { variables: {}, light: shared, dark: shared };
};
