// What makes the page livelier; without it everything is there, too.
//
// The server says when something changed. Then this page is asked for again, and what differs takes the place of what
// stands there. Nothing else is fetched, and nothing is asked without a reason.
"use strict";

(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const main = () => document.getElementById("main");
  const live = document.getElementById("live");

  /** Times as they are where the reader is, for whoever points at one. */
  function localTimes() {
    for (const time of main().querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.valueOf())) time.title = at.toLocaleString();
    }
  }

  let asking = null;

  /** Asks for an address and puts its content in the place of this page's; `typing` leaves the form alone. */
  async function show(address, typing) {
    if (asking) asking.abort();
    const mine = (asking = new AbortController());
    try {
      const answer = await fetch(address, { signal: mine.signal, headers: { Accept: "text/html" } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById("main");
      if (!next || mine.signal.aborted) return;
      replace(next, typing);
      const [asOf, now] = [document, page].map((one) => one.getElementById("asof"));
      if (asOf && now) asOf.replaceChildren(...now.childNodes);
    } catch (error) {
      if (error.name !== "AbortError") return;
    } finally {
      if (asking === mine) asking = null;
    }
  }

  /** Takes over what differs, part by part, so that focus and selection stay where they are. */
  function replace(next, typing) {
    const known = new Set([...main().querySelectorAll("tbody tr")].map((row) => row.textContent));
    const parts = [...next.children];
    const here = [...main().children];
    const same = parts.length === here.length && parts.every((part, at) => part.tagName === here[at].tagName);
    if (!same && !typing) {
      main().replaceChildren(...parts);
    } else if (!same) {
      const form = main().querySelector("form.filters");
      for (const part of here) if (part !== form && part.tagName !== "H1") part.remove();
      const formIndex = parts.findIndex((part) => part.matches("form.filters"));
      parts.forEach((part, at) => {
        if (part.tagName === "H1" || at === formIndex) return;
        if (at < formIndex) form.before(part);
        else main().append(part);
      });
    } else {
      parts.forEach((part, at) => {
        if (here[at].matches("form")) {
          const link = here[at].querySelector(".download");
          const other = part.querySelector(".download");
          if (link && other) link.href = other.href;
          return;
        }
        if (!here[at].isEqualNode(part)) here[at].replaceWith(part);
      });
    }
    for (const row of main().querySelectorAll("tbody tr")) {
      if (!typing && !known.has(row.textContent)) row.classList.add("fresh");
    }
    localTimes();
  }

  // Search as you type: the address follows, so that it can be kept and sent.
  let pause = 0;
  function follow(form) {
    const wanted = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value !== "") wanted.append(name, value);
    const query = wanted.toString();
    const address = form.getAttribute("action") + (query ? "?" + query : "");
    history.replaceState(null, "", address);
    show(address, true);
  }
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-live]");
    if (!form) return;
    clearTimeout(pause);
    pause = setTimeout(() => follow(form), event.target.matches("input[type=search], input:not([type])") ? 180 : 0);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-live]");
    if (!form) return;
    event.preventDefault();
    clearTimeout(pause);
    follow(form);
  });

  // What happens, as it happens. A page further down the list is left as it is: its rows don't change places.
  let waiting = false;
  function changed() {
    if (document.hidden) {
      waiting = true;
      return;
    }
    waiting = false;
    show(location.href, Boolean(document.activeElement && document.activeElement.closest("form")));
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && waiting) changed();
  });
  if (live && window.EventSource) {
    const events = new EventSource("/api/v1/events");
    events.addEventListener("open", () => {
      live.textContent = live.dataset.on;
      live.classList.remove("off");
    });
    events.addEventListener("error", () => {
      live.textContent = live.dataset.off;
      live.classList.add("off");
    });
    // The first one comes at once: what changed since this page was made, or while the connection was lost.
    events.addEventListener("change", changed);
    addEventListener("pagehide", () => events.close());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  localTimes();
})();
