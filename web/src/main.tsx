import "@mantine/core/styles.layer.css";
import "./ui/tokens.css";
import "./ui/frame.css";
import "./ui/parts.css";
import "./ui/table.css";
import "./ui/evidence.css";
import { createRoot } from "react-dom/client";
import { meQuery } from "./api/session";
import { App } from "./app/App";
import { queryClient } from "./app/queryClient";

// The page that was asked for, and who asks, are fetched while the app itself starts.
const { pathname } = window.location;
if (/^\/(projects|runs)\/./.test(pathname)) {
  void (pathname.startsWith("/runs/") ? import("./rooms/tracking/RunPage") : import("./rooms/tracking/ProjectPage"));
  void queryClient.prefetchQuery(meQuery);
}

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
