import "@mantine/core/styles.layer.css";
import "./ui/tokens.css";
import "./ui/frame.css";
import "./ui/parts.css";
import "./ui/table.css";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
