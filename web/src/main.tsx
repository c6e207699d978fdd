import "./ui/mantine.css";
import "./ui/tokens.css";
import "./ui/frame.css";
import "./ui/parts.css";
import "./ui/table.css";
import "./ui/evidence.css";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { first } from "./app/first";

const root = document.getElementById("root");
if (root) void first().then(() => createRoot(root).render(<App />));
