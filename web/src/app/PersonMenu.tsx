import { Menu, useMantineColorScheme } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useLocation } from "wouter";
import { signOut } from "@/api/session";
import type { Me } from "@/api/types";

const SCHEMES = [["light", "Light"], ["dark", "Dark"], ["auto", "As the system"]] as const;

/** How the pages look, what the badges mean, and the way out. */
export function PersonItems() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const leave = async () => {
    await signOut();
    client.clear();
    navigate("/sign-in");
  };
  return (
    <>
      {SCHEMES.map(([value, label]) => (
        <Menu.Item key={value} onClick={() => setColorScheme(value)} leftSection={colorScheme === value ? "✓" : "\u2007"}>
          {label}
        </Menu.Item>
      ))}
      <Menu.Divider />
      <Menu.Item onClick={() => navigate("/account")}>Your account</Menu.Item>
      <Menu.Item onClick={() => navigate("/legend")}>What the badges mean</Menu.Item>
      <Menu.Item onClick={() => void leave()}>Sign out</Menu.Item>
    </>
  );
}

/** Who is signed in, and what belongs to them. */
export function PersonMenu({ me }: { me: Me }) {
  return (
    <Menu position="right-end" shadow="none" width={230}>
      <Menu.Target>
        <button type="button" className="rail-link" title={`${me.name}: account, look, legend, sign out`}>
          <span className="avatar" aria-hidden="true">{me.name.slice(0, 1).toUpperCase()}</span>
          <span className="rail-label"><bdi>{me.name}</bdi></span>
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{me.role ?? "member"} · {me.verified ? "signed in" : "name claimed, not verified"}</Menu.Label>
        <PersonItems />
      </Menu.Dropdown>
    </Menu>
  );
}
