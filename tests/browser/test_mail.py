"""The mails that Alertmanager really sent (golden files), on a phone: nothing overflows, every link is a thumb wide."""

from __future__ import annotations

from pathlib import Path

from tests.browser.chromium import chromium

MAILS = Path(__file__).parents[1] / "golden" / "notifications"

SMALL_LINKS = """[...document.querySelectorAll('.links a')]
  .filter(a => a.getBoundingClientRect().height < 44 || a.getBoundingClientRect().width < 44).map(a => a.textContent)"""
CONTRAST = """(() => {
  const light = text => {
    const parts = text.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour !== 'rgba(0, 0, 0, 0)') return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const faint = [];
  for (const element of document.querySelectorAll('.bar, h1, h2, p, .name, a, .foot')) {
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(element.outerHTML.slice(0, 80));
  }
  return faint;
})()"""


async def test_mails_fit_a_small_phone(tmp_path: Path) -> None:
    mails = sorted(MAILS.glob("*.email.html"))
    assert len(mails) >= 3
    async with chromium(tmp_path) as page:
        await page.resize(320)
        for mail in mails:
            await page.open(mail.as_uri())
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), mail.name
            assert await page.evaluate(SMALL_LINKS) == [], mail.name
            assert await page.evaluate("document.scripts.length") == 0, mail.name
            for scheme in ("light", "dark"):
                features = [{"name": "prefers-color-scheme", "value": scheme}]
                await page.call("Emulation.setEmulatedMedia", features=features)
                assert await page.evaluate(CONTRAST) == [], (mail.name, scheme)
        assert page.complaints == []
