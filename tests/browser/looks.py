"""What a page is looked at for: by axe in both themes, at full width and on a phone; and as a picture, if asked."""

from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDE, PHONE = (1280, 900), (360, 740)
HIGHEST = 16_000
"""Pixels of a picture; a browser draws none that is higher."""
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = {"runOnly": ["color-contrast"]}
WHOLE = {"runOnly": {"type": "tag", "values": LEVELS}, "rules": {"target-size": {"enabled": True}}}


async def look(page: Page, name: str, shots: Path | None) -> list[str]:
    """Return what is wrong with a page; with `shots`, leave pictures of it there."""
    if shots is not None:
        await _picture(page, shots / name)
    await page.evaluate(AXE_SCRIPT)
    await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found = []
    for size in (WIDE, PHONE):
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        for theme in THEMES if size is WIDE else THEMES[1:]:
            await page.emulate_media(color_scheme=theme)
            # Another theme is other colours, and nothing else.
            found += await _violations(page, COLOURS if (size, theme) == (WIDE, "light") else WHOLE)
    found += await _too_wide(page)
    return found


async def _picture(page: Page, path: Path) -> None:
    for size, words in ((WIDE, "wide"), (PHONE, "phone")):
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        for theme in THEMES:
            await page.emulate_media(color_scheme=theme)
            # A frame is painted as far as it is seen, so the window becomes as high as the page.
            height = await page.evaluate("document.documentElement.scrollHeight")
            await page.set_viewport_size({"width": size[0], "height": min(max(height, size[1]), HIGHEST)})
            await page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            await page.screenshot(path=path.with_name(f"{path.name}-{theme}-{words}.png"))
            await page.set_viewport_size({"width": size[0], "height": size[1]})
    await page.pdf(path=path.with_name(f"{path.name}-printed.pdf"), format="A4")


async def _violations(page: Page, options: dict[str, Any]) -> list[str]:
    results = await page.evaluate("options => axe.run(document, {...options, resultTypes: ['violations']})", options)
    return [_told(one) for one in results["violations"]]


def _told(violation: dict[str, Any]) -> str:
    nodes = violation["nodes"]
    return f"{violation['id']}, {len(nodes)} times, first: {nodes[0]['html'][:160]}; {nodes[0]['failureSummary']}"


async def _too_wide(page: Page) -> list[str]:
    """Return what reaches past the right edge of a phone, but for what scrolls in a box of its own."""
    script = """width => document.documentElement.scrollWidth <= width ? [] :
      [...document.querySelectorAll("body *")].filter(one => one.getBoundingClientRect().right > width + 1)
        .map(one => `wider than ${width} px: ${one.outerHTML.slice(0, 120)}`)"""
    found: list[str] = await page.evaluate(script, PHONE[0])
    return found
