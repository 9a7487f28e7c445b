// What the dashboard adds with script: the palette, lists by keyboard, choosing rows, the chart's values, the editor.
(() => {
  "use strict";
  const { $, $$ } = window.merx;
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]") && !target.matches("[type=checkbox]");

  // ── The palette ───────────────────────────────────────────────────────────────────────────────────────────────────
  const palette = $("#palette");
  const field = palette && $("#palette-q");
  const options = () => $$(".results li:not([hidden]) a", palette);
  const goTo = (at) => {
    const all = options();
    $$(".results a", palette).forEach((one) => one.classList.remove("at"));
    const chosen = all[(at + all.length) % all.length];
    if (!chosen) return;
    chosen.classList.add("at");
    $("#palette-said").textContent = chosen.textContent.trim().replace(/\s+/g, " ");
    chosen.scrollIntoView({ block: "nearest" });
  };
  const narrow = () => {
    const wanted = field.value.trim().toLowerCase();
    $$("[data-static] li", palette).forEach((li) => { li.hidden = wanted && !li.textContent.toLowerCase().includes(wanted); });
    goTo(0);
  };
  if (palette) {
    document.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); if (!palette.open) palette.showModal(); field.select(); narrow(); }
    });
    field.addEventListener("input", narrow);
    palette.addEventListener("htmx:afterSwap", () => goTo(0));
    palette.addEventListener("keydown", (event) => {
      const at = options().findIndex((one) => one.classList.contains("at"));
      if (event.key === "ArrowDown") { event.preventDefault(); goTo(at + 1); }
      if (event.key === "ArrowUp") { event.preventDefault(); goTo(at - 1); }
      if (event.key === "Enter") { event.preventDefault(); options()[Math.max(at, 0)]?.click(); }
    });
  }

  // ── Lists: rows lead to their page; j k x enter / ─────────────────────────────────────────────────────────────────
  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-href]");
    if (!row || event.target.closest("a, button, input, label, summary") || String(getSelection())) return;
    if (event.ctrlKey || event.metaKey) window.open(row.dataset.href, "_blank", "noopener"); else location.href = row.dataset.href;
  });
  const rows = () => $$("tr[data-href]");
  document.addEventListener("keydown", (event) => {
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
    const all = rows();
    const at = all.findIndex((row) => row.classList.contains("at"));
    const mark = (next) => {
      all[at]?.classList.remove("at");
      const row = all[Math.min(Math.max(next, 0), all.length - 1)];
      row?.classList.add("at");
      row?.scrollIntoView({ block: "nearest" });
      $("a.row-link", row)?.focus({ preventScroll: true });
    };
    if (event.key === "/") { const search = $("[data-search]"); if (search) { event.preventDefault(); search.focus(); search.select(); } }
    if (!all.length) return;
    if (event.key === "j") mark(at + 1);
    if (event.key === "k") mark(at - 1);
    if (event.key === "x" && at >= 0) { const box = $(".pick input", all[at]); if (box) { box.checked = !box.checked; box.dispatchEvent(new Event("change", { bubbles: true })); } }
    if (event.key === "Enter" && at >= 0 && !event.target.closest("a, button, summary")) location.href = all[at].dataset.href;
  });

  // ── Choosing several ──────────────────────────────────────────────────────────────────────────────────────────────
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-bulk]");
    if (!form || !event.target.closest(".pick")) return;
    const boxes = $$("tbody .pick input", form);
    if (event.target.matches("[data-all]")) boxes.forEach((box) => { box.checked = event.target.checked; });
    const count = boxes.filter((box) => box.checked).length;
    const all = $("[data-all]", form);
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    const bar = $("[data-bulk-bar]", form);
    if (bar) bar.hidden = !count;
    $$("[data-count]", form).forEach((one) => { one.textContent = count; });
  });

  // ── The chart: values of the day under the pointer, out of the table beside it ────────────────────────────────────
  $$("[data-chart]").forEach((chart) => {
    const plot = $(".plot", chart), tip = $(".tip", chart), bars = $$(".bars rect", chart);
    const values = $$("[data-values] tr", chart.parentElement).map((row) => [...row.cells].map((cell) => cell.textContent));
    const show = (event) => {
      const box = plot.getBoundingClientRect();
      const at = Math.min(bars.length - 1, Math.max(0, Math.floor((event.clientX - box.left) / box.width * bars.length)));
      bars.forEach((bar, index) => bar.classList.toggle("on", index === at));
      const [day, orders, sales] = values[at];
      tip.replaceChildren(...[day, sales, `${orders} ${orders === "1" ? "order" : "orders"}`].map((text, index) => {
        const line = document.createElement("span");
        line.textContent = text;
        line.className = index ? "" : "soft";
        return line;
      }));
      tip.hidden = false;
      const middle = (at + 0.5) / bars.length * box.width;
      tip.style.left = `${Math.min(Math.max(middle - tip.offsetWidth / 2, 0), box.width - tip.offsetWidth)}px`;
    };
    plot.addEventListener("pointermove", show);
    plot.addEventListener("pointerleave", () => { tip.hidden = true; bars.forEach((bar) => bar.classList.remove("on")); });
  });

  // ── The editor's pictures: forward and back ───────────────────────────────────────────────────────────────────────
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    const item = button?.closest("li");
    if (!item) return;
    if (button.dataset.move === "-1") item.previousElementSibling?.before(item); else item.nextElementSibling?.after(item);
    button.focus();
    item.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // ── The import: how far it is ─────────────────────────────────────────────────────────────────────────────────────
  const line = (form, told) => {
    const bar = $("progress", form), words = $("[data-progress-words]", form);
    if (told.total) { bar.max = told.total; bar.value = told.read; words.textContent = `${told.read} of ${told.total}`; }
    if (told.done) location.href = told.to;
    if (told.error) { words.textContent = told.error; words.className = "fault"; bar.hidden = true; }
  };
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-import]");
    if (!form || event.submitter?.formAction.endsWith("/preview")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const button = $("[data-import-button]", form);
    button.disabled = true;
    $("[data-progress]", form).hidden = false;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/x-ndjson" } });
      if (!answer.headers.get("content-type")?.includes("ndjson")) throw new Error();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const parts = (rest + value).split("\n");
        rest = parts.pop();
        parts.filter(Boolean).forEach((part) => line(form, JSON.parse(part)));
      }
    } catch { line(form, { error: "The file could not be sent. Try again." }); }
    button.disabled = false;
  }, true);

  // ── The API's corner: the dialect that was chosen once ────────────────────────────────────────────────────────────
  $$(".api").forEach((corner) => {
    const sections = $$("[data-dialect]", corner);
    const names = [...new Set(sections.map((one) => one.dataset.dialect))];
    if (names.length < 2) return;
    const bar = document.createElement("div");
    bar.className = "dialects";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Dialect");
    const choose = (name) => {
      sections.forEach((one) => { one.hidden = one.dataset.dialect !== name; });
      $$("button", bar).forEach((one) => one.setAttribute("aria-pressed", one.textContent === name));
    };
    names.forEach((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => { try { localStorage.setItem("merx.dialect", name); } catch { /* private mode */ } choose(name); });
      bar.append(button);
    });
    $(".stack", corner).prepend(bar);
    $$("h3", corner).forEach((one) => one.classList.add("visually-hidden"));
    let kept = null;
    try { kept = localStorage.getItem("merx.dialect"); } catch { /* private mode */ }
    choose(names.includes(kept) ? kept : names[0]);
  });

  // Dialogs that come with faults in them are shown as dialogs.
  $$("dialog[data-modal]").forEach((dialog) => { dialog.close(); dialog.showModal(); });
  $$(".page-tabs [aria-current]").forEach((tab) => { tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 48; });
  $$("[data-print]").forEach((button) => button.addEventListener("click", () => print()));
  const faults = $("main #faults");
  if (faults) faults.focus();
})();
