// Keeps a page fresh, and says so when it is not: a page that cannot be refreshed must not look like good news.
"use strict";
(() => {
  const main = document.getElementById("main");
  const stale = document.getElementById("stale");
  const every = Number(main.dataset.refresh) * 1000;
  if (!every) return;
  let fresh = Date.now();

  // Never pull the page away from under somebody who reads or tabs through it.
  const busy = () =>
    document.hidden || main.contains(document.activeElement) || String(window.getSelection()) !== "";

  const tell = () => {
    const age = Math.round((Date.now() - fresh) / 1000);
    stale.hidden = false;
    stale.textContent = `This page is ${age} s old: the console does not answer.`;
  };

  const refresh = async () => {
    if (busy()) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(8000) });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      main.replaceChildren(...page.getElementById("main").childNodes);
      fresh = Date.now();
      stale.hidden = true;
    } catch {
      tell();
    }
  };

  setInterval(refresh, every);
  document.addEventListener("visibilitychange", refresh);
})();
