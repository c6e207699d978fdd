import { Menu } from "@mantine/core";
import { Link, useLocation } from "wouter";
import { useUnread } from "@/api/inbox";
import type { Me } from "@/api/types";
import { Icon } from "@/ui/icons";
import { ADMIN, isHere, type Place, PLACES } from "./nav";
import { PersonItems, PersonMenu } from "./PersonMenu";

const ON_PHONE = ["Inbox", "Projects", "Reviews", "Knowledge"];

function RailLink({ place, count, phone }: { place: Place; count?: number; phone: boolean }) {
  const [location] = useLocation();
  return (
    <li className={phone ? undefined : "not-phone"}>
      <Link href={place.href} className="rail-link" aria-current={isHere(place, location) ? "page" : undefined} title={place.label}>
        <Icon name={place.icon} />
        <span className="rail-label">{place.label}</span>
        {count ? <span className="rail-count">{count}<span className="sr-only"> unread</span></span> : null}
      </Link>
    </li>
  );
}

function More() {
  const [, navigate] = useLocation();
  const rest = [...PLACES.filter((place) => !ON_PHONE.includes(place.label)), ADMIN];
  return (
    <li className="only-phone">
      <Menu position="top-end" shadow="none">
        <Menu.Target>
          <button type="button" className="rail-link"><Icon name="more" /><span className="rail-label">More</span></button>
        </Menu.Target>
        <Menu.Dropdown>
          {rest.map((place) => <Menu.Item key={place.href} onClick={() => navigate(place.href)}>{place.label}</Menu.Item>)}
          <Menu.Divider />
          <PersonItems />
        </Menu.Dropdown>
      </Menu>
    </li>
  );
}

/** The rail on the left; on phones a bar at the bottom. */
export function Rail({ me, onSearch }: { me: Me | undefined; onSearch: () => void }) {
  const unread = useUnread();
  return (
    <nav className="rail" aria-label="Main">
      <Link href="/projects" className="brand not-phone">
        <img src="/icon.svg" alt="" width={22} height={22} />
        <span className="rail-label">{me?.workspace_name || "Runward"}</span>
      </Link>
      <button type="button" className="rail-search not-phone" onClick={onSearch} title="Go to, do, search (Ctrl K)">
        <Icon name="search" size={15} />
        <span className="rail-label">Search</span>
        <kbd className="rail-label">Ctrl K</kbd>
      </button>
      <ul>
        {PLACES.map((place) => (
          <RailLink key={place.href} place={place} phone={ON_PHONE.includes(place.label)}
            count={place.href === "/inbox" ? unread.data : undefined} />
        ))}
        <More />
      </ul>
      <ul className="rail-foot not-phone">
        <RailLink place={ADMIN} phone={false} />
        {me && <li><PersonMenu me={me} /></li>}
      </ul>
    </nav>
  );
}
