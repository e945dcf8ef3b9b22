// The waterfall of a trace: collapsed subtrees, and the panel of a span.
"use strict";

(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const waterfall = find("[data-waterfall]");
  if (!waterfall) return;
  const rows = [...waterfall.querySelectorAll("tr[data-id]")];

  // A line is hidden if it is below a collapsed one. `data-below` is the number of lines below a line.
  const collapsed = new Set();
  const hide = () => {
    let until = 0;
    rows.forEach((row, index) => {
      const isHidden = index < until;
      if (row.hidden !== isHidden) row.hidden = isHidden;
      if (!isHidden && collapsed.has(row)) until = index + 1 + Number(row.dataset.below);
    });
  };
  const fold = (changed, isCollapsed) => {
    for (const row of changed) {
      if (!row.dataset.below) continue;
      if (isCollapsed) collapsed.add(row);
      else collapsed.delete(row);
      find("button", row).setAttribute("aria-expanded", String(!isCollapsed));
    }
    hide();
  };
  waterfall.classList.add("scripted");
  const folds = find("[data-folds]");
  if (folds) folds.hidden = rows.every((row) => !row.dataset.below);

  // The panel beside the waterfall, where there is room for it. Elsewhere, a span opens as a page.
  const columns = waterfall.parentElement;
  const wide = matchMedia("(min-width: 1000px)");
  const setAddress = (id) => {
    const address = new URL(location.href);
    if (id) address.searchParams.set("span", id);
    else address.searchParams.delete("span");
    address.hash = "";
    history.replaceState(null, "", address);
  };
  const mark = (id) => {
    for (const row of waterfall.querySelectorAll("tr.current, tr.selected")) {
      row.classList.remove("current", "selected");
      row.removeAttribute("aria-current");
    }
    const row = id && rows.find((row) => row.dataset.id === id);
    if (!row) return;
    row.classList.add("current", "selected");
    row.setAttribute("aria-current", "true");
  };
  const close = () => {
    const panel = find("#panel");
    panel.hidden = true;
    columns.classList.remove("open");
    mark(null);
    setAddress(null);
  };
  let latest = 0;
  const open = async (address) => {
    const number = ++latest;
    const response = await fetch(address, { headers: { accept: "text/html" } });
    const page = response.ok && new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page && find("#panel", page);
    if (number !== latest) return;
    if (!fresh) return location.assign(address);
    const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet close", textContent: "Close" });
    button.addEventListener("click", close);
    fresh.prepend(button);
    find("#panel").replaceWith(fresh);
    columns.classList.add("open");
    const id = new URL(address, location.href).pathname.split("/").pop();
    mark(id);
    setAddress(id);
    document.dispatchEvent(new CustomEvent("shown", { detail: fresh }));
  };

  document.addEventListener("click", (event) => {
    const target = event.target;
    const all = target.closest("[data-fold]");
    if (all) return fold(rows, all.dataset.fold === "all");
    const button = target.closest("[data-waterfall] button");
    if (button) return fold([button.closest("tr")], button.getAttribute("aria-expanded") === "true");
    const link = target.closest("[data-waterfall] a[data-open], #panel a[data-span]");
    if (!link || !wide.matches || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open(link.getAttribute("href"));
  });

  // The arrows to the left and to the right collapse and expand the selected line, Escape closes the panel.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    if (event.key === "Escape" && columns.classList.contains("open")) return close();
    const row = find("tr.selected", waterfall);
    if (row && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      event.preventDefault();
      fold([row], event.key === "ArrowLeft");
    }
  });

  const current = find("tr[aria-current]", waterfall);
  if (current) {
    current.classList.add("selected");
    if (wide.matches) open(find("a[data-open]", current).getAttribute("href"));
  }
})();
