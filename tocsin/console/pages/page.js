"use strict";
// Countdowns, the reader's own time, and live updates. Every page works without it.
(() => {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const page = document.body.dataset;
  const speed = Number(page.speed) || 1; // a drill's time runs faster than this clock
  let told = page.now ? Date.parse(page.now) : Date.now(); // the server's time,
  let heard = Date.now(); // and when it was told

  const words = (seconds) => {
    let rest = Math.floor(Math.abs(seconds));
    const parts = [];
    for (const [name, size] of units) {
      const count = Math.floor(rest / size);
      rest %= size;
      if (count || (parts.length && parts.length < 2)) parts.push(`${count} ${name}`);
      if (parts.length === 2) break;
    }
    return parts.filter((part, index) => index === 0 || !part.startsWith("0 ")).join(" ") || "0 s";
  };

  const count = () => {
    const now = told + (Date.now() - heard) * speed;
    for (const one of document.querySelectorAll("[data-left]")) {
      const left = (Date.parse(one.getAttribute("datetime")) - now) / 1000;
      const said = left < 0 ? `${words(left)} overdue` : `${words(left)} left`;
      if (one.textContent !== said) one.textContent = said;
      if (left < 0) { one.classList.remove("calm", "soon", "pressing"); one.classList.add("late"); }
    }
  };

  const local = (root) => {
    for (const one of root.querySelectorAll("time[data-at]:not([data-local])")) {
      const at = new Date(one.getAttribute("datetime"));
      one.dataset.local = "";
      if (at.getTimezoneOffset() === 0) continue;
      const here = at.toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
      one.append(` (${here})`);
    }
  };

  const swap = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(old.id);
      // What somebody is typing into, or has opened, is not taken away from them.
      if (!next || old.contains(document.activeElement) || old.innerHTML === next.innerHTML) continue;
      const open = new Set([...old.querySelectorAll("details[open][id]")].map((one) => one.id));
      for (const one of next.querySelectorAll("details[id]")) one.open = open.has(one.id);
      old.replaceWith(document.adoptNode(next));
      local(next);
      next.classList.add("fresh");
    }
    count();
  };

  const listen = () => {
    if (!("listen" in page) || !window.EventSource) return;
    let used = Date.now(), timer = 0;
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { used = Date.now(); }, { passive: true });
    const source = new EventSource("/live");
    source.addEventListener("hello", (event) => {
      told = Date.parse(JSON.parse(event.data).now);
      heard = Date.now();
      // A page that nobody touches keeps no session alive.
      if (Date.now() - used > 25 * 60 * 1000) source.close();
    });
    source.addEventListener("changed", (event) => {
      const about = JSON.parse(event.data).incidents;
      if (page.listen && !about.includes(page.listen)) return;
      clearTimeout(timer);
      timer = setTimeout(swap, 200 + Math.random() * 800);
    });
  };

  local(document);
  count();
  setInterval(count, 1000);
  listen();
})();
