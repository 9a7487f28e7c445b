// What every face's pages do with script: copying, local times, menus, dialogs, forms that guard what was typed.
// Pages work without it; nothing here is the only way to do something.
(() => {
  "use strict";
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];

  document.documentElement.dataset.script = "";

  // Copy buttons: <button data-copy="text"> or data-copy-from="#id".
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    const from = button.dataset.copyFrom;
    const text = from ? $(from).innerText : button.dataset.copy;
    try { await navigator.clipboard.writeText(text); } catch { return; }
    button.dataset.copied = "";
    const said = $("#said");
    if (said) said.textContent = "Copied";
    setTimeout(() => { delete button.dataset.copied; if (said) said.textContent = ""; }, 1500);
  });

  // Exact times on hover, in the reader's own zone.
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const times = (from) => $$("time[datetime]", from).forEach((time) => {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf()) && time.dateTime.includes("T")) time.title = zone.format(at);
  });

  // Menus (<details class="menu">) close on a click outside and on Escape.
  document.addEventListener("click", (event) => {
    $$("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    $$("details.menu[open]").forEach((menu) => { menu.open = false; $("summary", menu).focus(); });
  });

  // Dialogs: <button data-opens="id">, and data-closes inside. Without script the dialog's form has a page of its own.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opens);
      if (dialog) { event.preventDefault(); opener.closest("details.menu")?.removeAttribute("open"); dialog.showModal(); }
    }
    const closer = event.target.closest("[data-closes]");
    if (closer) { event.preventDefault(); closer.closest("dialog")?.close(); }
    if (event.target.matches("dialog.dialog")) event.target.close();
  });

  // Flash messages go by themselves after a while, unless they are read.
  const flashes = (from) => $$(".flash", from).forEach((flash) => {
    $("[data-dismiss]", flash)?.addEventListener("click", () => flash.remove());
    if (!flash.classList.contains("danger")) {
      let timer = setTimeout(() => flash.remove(), 6000);
      flash.addEventListener("mouseenter", () => clearTimeout(timer));
    }
  });

  // Forms with data-guard: a save bar appears when something has changed, and leaving asks first.
  let changed = null;
  const guard = (from) => $$("form[data-guard]", from).forEach((form) => {
    const bar = $("[data-savebar]", form);
    const mark = () => { changed = form; if (bar) bar.dataset.shown = ""; };
    form.addEventListener("input", mark);
    form.addEventListener("change", mark);
    form.addEventListener("reset", () => { changed = null; if (bar) delete bar.dataset.shown; });
    form.addEventListener("submit", () => { changed = null; });
    if (form.hasAttribute("data-changed")) mark();
  });
  window.addEventListener("beforeunload", (event) => { if (changed?.isConnected) event.preventDefault(); });

  // A form is sent once: its buttons rest until the answer is there.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method === "dialog" || form.hasAttribute("hx-get")) return;
    setTimeout(() => $$("button:not([type=button])", form).forEach((button) => { button.disabled = true; }));
    setTimeout(() => $$("button:not([type=button])", form).forEach((button) => { button.disabled = false; }), 8000);
  });
  window.addEventListener("pageshow", () => $$("form button:disabled").forEach((button) => {
    if (!button.hasAttribute("data-off")) button.disabled = false;
  }));

  // Selects and inputs with data-sends send their form when they change.
  document.addEventListener("change", (event) => {
    if (event.target.closest("[data-sends]")) event.target.form.requestSubmit();
  });

  const begin = (from) => { times(from); flashes(from); guard(from); };
  window.merx = { $, $$, begin };
  begin(document);
  document.addEventListener("htmx:load", (event) => { if (event.target !== document.body) begin(event.target); });
  document.addEventListener("htmx:configRequest", (event) => {
    const token = $("meta[name=form-token]");
    if (token) event.detail.headers["X-Form-Token"] = token.content;
  });
})();
