// What the pages cannot do without a script: times in the reader's zone, live rows, keys, and copying.
"use strict";

(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Times, written in UTC by the server.
  const today = new Date().toDateString();
  const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
  const date = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "2-digit", day: "2-digit" });
  const showTimes = (root) => {
    for (const element of findAll("time[datetime]", root)) {
      const at = new Date(element.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const isToday = at.toDateString() === today;
      element.textContent = isToday ? time.format(at) : `${date.format(at)} ${time.format(at)}`;
      element.title = `${element.dateTime} (UTC)`;
    }
  };

  // The filters: the reader's zone, and selections that apply at once.
  const form = find("[data-filters]");
  if (form) {
    const zone = find("[name=zone]", form) || form.appendChild(document.createElement("input"));
    Object.assign(zone, { type: "hidden", name: "zone", value: String(-new Date().getTimezoneOffset()) });
    form.addEventListener("change", (event) => {
      if (event.target.matches("[data-submit]")) form.requestSubmit();
    });
    // Empty fields stay out of the address.
    form.addEventListener("formdata", (event) => {
      for (const [key, value] of [...event.formData]) if (value === "") event.formData.delete(key);
      if (!event.formData.has("when") && !event.formData.has("since") && !event.formData.has("until")) event.formData.delete("zone");
    });
  }

  // Live rows: the page is loaded again when something was stored, and its results are exchanged. While they are paused,
  // the rows that wait are counted.
  const live = () => find("#results[data-live=true]");
  let source = null;
  let isPaused = false;
  let waiting = "0";
  const refresh = async () => {
    const old = live();
    if (!old) return;
    const response = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = find("#results", page);
    if (!fresh || !old.isConnected) return;
    if (!find("[data-filters]") && find("[data-filters]", page)) return location.reload();
    const known = new Set(findAll("tr[data-id]", old).map((row) => row.dataset.id));
    const rows = findAll("tr[data-id]", fresh);
    const added = rows.filter((row) => !known.has(row.dataset.id));
    if (isPaused) {
      // If all rows of the page are new, there are more of them on the next one.
      waiting = `${added.length}${added.length === rows.length && find("a[rel=next]", fresh) ? "+" : ""}`;
      return showPause();
    }
    if (known.size > 0) for (const row of added) row.classList.add("new");
    const selected = find("tr.selected", old)?.dataset.id;
    rows.find((row) => row.dataset.id === selected)?.classList.add("selected");
    old.replaceWith(fresh);
    showTimes(fresh);
    showPause();
    showCompare();
  };
  const connect = () => {
    source?.close();
    source = null;
    if (document.hidden || !live()) return;
    source = new EventSource("/events");
    source.addEventListener("stored", refresh);
  };
  const showPause = () => {
    const button = find("[data-pause]");
    if (!button) return;
    button.hidden = false;
    button.textContent = !isPaused ? "Live" : waiting === "0" ? "Paused" : `Paused, ${waiting} new`;
    button.setAttribute("aria-pressed", String(isPaused));
    button.title = isPaused ? "Show new rows as they arrive" : "Stop showing new rows";
  };
  // A hidden page holds no connection: browsers allow six to a server.
  document.addEventListener("visibilitychange", () => {
    connect();
    if (!document.hidden) refresh();
  });
  connect();
  showPause();

  // The two requests to compare: the boxes that were checked last.
  let compared = [];
  const boxes = () => findAll("input[form=compare]");
  const showCompare = () => {
    const button = find("[data-compare]");
    if (!button) return;
    const all = boxes();
    compared = compared.filter((id) => all.some((box) => box.value === id)).slice(-2);
    for (const box of all) box.checked = compared.includes(box.value);
    button.hidden = compared.length === 0;
    button.disabled = compared.length < 2;
    button.textContent = compared.length < 2 ? "Compare with …" : `Compare ${compared.join(" and ")}`;
  };
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (!box.matches("input[form=compare]")) return;
    compared = compared.filter((id) => id !== box.value);
    if (box.checked) compared.push(box.value);
    showCompare();
  });
  // The browser restores checked boxes when the reader comes back.
  window.addEventListener("pageshow", () => {
    compared = boxes().filter((box) => box.checked).map((box) => box.value);
    showCompare();
  });

  // Keys: j and k select a row, enter opens it, x marks it to be compared, / goes to the search field.
  const select = (step) => {
    const rows = findAll("tr[data-id]:not([hidden])");
    if (rows.length === 0) return;
    const now = rows.findIndex((row) => row.classList.contains("selected"));
    const next = now < 0 ? 0 : Math.min(Math.max(now + step, 0), rows.length - 1);
    rows[now]?.classList.remove("selected");
    rows[next].classList.add("selected");
    rows[next].scrollIntoView({ block: "nearest" });
  };
  const follow = (selector) => find(selector)?.click();
  const keys = {
    j: () => (find("tr[data-id]") ? select(1) : follow("a[rel=next]")),
    k: () => (find("tr[data-id]") ? select(-1) : follow("a[rel=prev]")),
    Enter: () => follow("tr.selected a[data-open]"),
    x: () => follow("tr.selected input[form=compare]"),
    "/": () => find("input[type=search]")?.select(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.key === "Enter" && event.target.closest("a, button, summary, input")) return;
    const act = Object.hasOwn(keys, event.key) && keys[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });

  // Buttons.
  const copy = async (button, text) => {
    await navigator.clipboard.writeText(text);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1500);
  };
  const showCopy = (root) => {
    for (const block of findAll("[data-copy]", root)) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet copy", textContent: "Copy" });
      button.addEventListener("click", () => copy(button, block.dataset.copy || block.textContent));
      block.before(button);
    }
  };
  showCopy(document);
  // Another script has added a part to the page.
  document.addEventListener("shown", (event) => {
    showTimes(event.detail);
    showCopy(event.detail);
  });
  for (const link of findAll("a[data-copy-from]")) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "Copy" });
    button.addEventListener("click", async () => {
      const response = await fetch(link.href);
      copy(button, response.ok ? await response.text() : "This request cannot be written for its provider.");
    });
    link.after(button);
  }
  document.addEventListener("click", (event) => {
    for (const menu of findAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    if (!event.target.closest("[data-pause]")) return;
    isPaused = !isPaused;
    waiting = "0";
    showPause();
    if (!isPaused) refresh();
  });

  showTimes(document);
})();
