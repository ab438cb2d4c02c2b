// Keeps a page fresh, and says so when it is not: a page that cannot be refreshed must not look like good news.
"use strict";
(() => {
  // Not every browser opens what a link leads into: a notification's "silence" leads to a form that is folded.
  document.getElementById(location.hash.slice(1))?.closest("details")?.setAttribute("open", "");

  const main = document.getElementById("main");
  const stale = document.getElementById("stale");
  const every = Number(main.dataset.refresh) * 1000;
  if (!every) return;
  const patience = 60_000;
  let fresh = Date.now();

  const changed = (field) => {
    if (field.type === "checkbox") return field.checked !== field.defaultChecked;
    if (field.options) return [...field.options].some((one) => one.selected !== one.defaultSelected);
    return field.value !== field.defaultValue;
  };

  // Never pull the page away from under somebody who reads or tabs through it, nor what he has filled in.
  const busy = () =>
    main.contains(document.activeElement) ||
    String(window.getSelection()) !== "" ||
    [...main.querySelectorAll("input, select")].some(changed);

  const tell = (why) => {
    const age = Math.round((Date.now() - fresh) / 1000);
    stale.hidden = false;
    stale.textContent = `This page is ${age} s old: ${why}.`;
  };

  const replace = (page) => {
    const open = [...main.querySelectorAll("details")].map((one) => one.open);
    main.replaceChildren(...page.getElementById("main").childNodes);
    const now = [...main.querySelectorAll("details")];
    if (now.length === open.length) now.forEach((one, place) => (one.open = open[place]));
  };

  const refresh = async () => {
    if (document.hidden) return;
    if (busy()) {
      if (Date.now() - fresh > patience) tell("it is not renewed while you are using it");
      return;
    }
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(8000) });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      replace(page);
      fresh = Date.now();
      stale.hidden = true;
    } catch {
      tell("the console does not answer");
    }
  };

  setInterval(refresh, every);
  document.addEventListener("visibilitychange", refresh);
})();
