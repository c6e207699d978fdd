"""The whole way in a real browser: to the provider on another site and back, with cookies as browsers treat them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.browser.conftest import barriers
from tests.oidc.conftest import Provider, serving


def _at_the_provider(page: Any, login: str) -> None:
    """Sign in at the provider and let it tell us who that is."""
    page.locator("input[name=login]").fill(login)
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    page.locator("input[name=prompt][value=consent]").wait_for(state="attached")
    page.locator("button[type=submit]").click()


def test_a_browser_signs_in_by_the_provider_and_lands_where_it_wanted(chromium: Any, tmp_path: Path) -> None:
    """The provider is another site to the browser: the cookie of the attempt comes back, the session's holds afterwards."""
    provider = Provider(tmp_path)
    provider.write(m1={"preferred_username": "mia", "name": "Mia", "groups": ["ml"]}, m2={"preferred_username": "max"})
    context = chromium.new_context(viewport={"width": 400, "height": 800})
    context.set_default_timeout(15_000)
    page = context.new_page()
    try:
        # "localhost" and "127.0.0.1" are different sites.
        with serving(tmp_path / "w", provider.start, host="localhost") as site:
            page.goto(f"{site.server.url}/admin/tokens")
            page.wait_for_url("http://127.0.0.1*/sign-in?next=*")
            # The provider sends people back to the declared address, where a cookie of this one would not be seen.
            page.get_by_role("button", name="Sign in with the test").click()
            page.wait_for_url("http://localhost*/sign-in?next=*")
            button = page.get_by_role("button", name="Sign in with the test")
            button.wait_for()
            assert barriers(page, "sign-in") == []
            button.click()
            page.wait_for_url(f"{provider.issuer}/**")
            _at_the_provider(page, "m1")
            page.wait_for_url("**/admin/tokens")
            page.get_by_text("You have no token").wait_for()
            kept = {cookie["name"]: cookie for cookie in context.cookies()}
            assert "runward_sign_in" not in kept
            session = kept["runward_session"]
            assert (session["httpOnly"], session["sameSite"]) == (True, "Strict")
            # Reloading, and coming from elsewhere, still finds the session.
            page.goto(f"{provider.issuer}/.well-known/openid-configuration")
            page.goto(f"http://localhost:{site.server.url.rpartition(':')[2]}/account")
            page.get_by_role("button", name="Connect the test").wait_for()
            page.get_by_text("contributor of team").wait_for()
            context.clear_cookies()
            page.goto(f"http://localhost:{site.server.url.rpartition(':')[2]}/sign-in")
            page.get_by_role("button", name="Sign in with the test").click()
            _at_the_provider(page, "m2")
            page.wait_for_url("**/sign-in?problem=no_access")
            page.get_by_text("none of your groups has a role here").wait_for()
            assert barriers(page, "refused") == []
    finally:
        context.close()
        provider.stop()
