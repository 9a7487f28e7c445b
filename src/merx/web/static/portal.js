// The documentation's script: the language of all code, copying, the key for trying, the finder. It runs in the head, so
// that the language is chosen before anything is drawn.
(() => {
  "use strict";
  const root = document.documentElement;
  const SPEAKS = "merx.docs.speaks", KEY = "merx.docs.key";
  const stored = (kind, name) => { try { return kind.getItem(name); } catch { return null; } };
  const store = (kind, name, value) => { try { if (value === null) kind.removeItem(name); else kind.setItem(name, value); } catch { /* a private window */ } };

  const spoken = stored(localStorage, SPEAKS);
  if (["curl", "python", "javascript"].includes(spoken)) root.dataset.speaks = spoken;
  root.dataset.script = "";

  document.addEventListener("DOMContentLoaded", () => {
    const $ = (selector, from = document) => from.querySelector(selector);
    const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
    const say = (text) => { const said = $("#said"); if (said) said.textContent = text; };

    // One language for all code, kept for the next page. What is read stays where it is.
    const mark = () => $$("[data-speak]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.speak === (root.dataset.speaks ?? "curl")));
    });
    mark();
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-speak]");
      if (!button) return;
      const before = button.getBoundingClientRect().top;
      root.dataset.speaks = button.dataset.speak;
      store(localStorage, SPEAKS, button.dataset.speak);
      mark();
      scrollBy({ top: button.getBoundingClientRect().top - before, behavior: "instant" });
    });

    document.addEventListener("click", async (event) => {
      const button = event.target.closest("[data-take]");
      if (!button) return;
      const shown = $$("pre", button.closest("figure")).find((pre) => pre.offsetParent !== null);
      try { await navigator.clipboard.writeText(shown.textContent); } catch { return; }
      button.dataset.copied = "";
      say("Copied");
      setTimeout(() => { delete button.dataset.copied; say(""); }, 1500);
    });

    // The key for trying: made by the server, shown once, kept by this tab alone.
    const made = $("[data-trial-key]");
    if (made) store(sessionStorage, KEY, JSON.stringify({ shop: root.dataset.shop, key: made.dataset.trialKey }));
    let kept = null;
    try { kept = JSON.parse(stored(sessionStorage, KEY)); } catch { /* not ours */ }
    const key = kept?.shop === root.dataset.shop ? kept.key : null;
    if (key) {
      $$("b[data-key]").forEach((word) => { word.textContent = key; });
      const here = $("[data-key-here]");
      if (here) { here.hidden = false; $("[data-key-shown]").textContent = `${key.slice(0, 12)}…`; $("[data-key-form]").hidden = true; }
      $("[data-key-forget]")?.addEventListener("click", () => { store(sessionStorage, KEY, null); location.reload(); });
    }

    // The renderer of the document, with that key.
    const rapidoc = $("#rapidoc");
    if (rapidoc) {
      if (matchMedia("(prefers-color-scheme: dark)").matches) {
        const dark = { theme: "dark", "bg-color": "#131418", "text-color": "#d6d8de", "primary-color": "#a7a5ff" };
        for (const [name, value] of Object.entries(dark)) rapidoc.setAttribute(name, value);
      }
      rapidoc.addEventListener("spec-loaded", () => {
        const given = key ?? rapidoc.dataset.key;
        if (!given) return;
        const scheme = rapidoc.dataset.schemes.split(" ").find((one) => !one.endsWith("InQuery"));
        try { rapidoc.setApiKey(scheme, given); } catch { /* typed in by hand then */ }
      });
    }

    // The navigation is folded on a small screen; on a large one it stands open in every browser.
    const side = $("details.side"), wide = matchMedia("(min-width: 861px)");
    const fold = () => { side.open = wide.matches; };
    fold();
    wide.addEventListener("change", fold);
    const current = $('[aria-current="page"]', side);
    if (wide.matches && current) side.scrollTop = Math.max(0, current.offsetTop - side.clientHeight / 2);

    // The finder: / or Ctrl K, words, arrows, Enter.
    const finder = $("#finder"), field = $("#finder-q"), list = $("#finder-list"), none = $("[data-none]", finder);
    let all = null, at = 0;
    const open = async (words = "") => {
      if (!finder.open) finder.showModal();
      field.value = words;
      field.focus();
      if (all === null) {
        try { all = await (await fetch("/docs/operations.json")).json(); } catch { all = []; }
      }
      show();
    };
    const show = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      const fits = (one) => words.every((word) => `${one.api} ${one.method} ${one.path} ${one.said}`.toLowerCase().includes(word));
      const found = (all ?? []).filter(fits).slice(0, 40);
      list.replaceChildren(...found.map((one, place) => {
        const row = document.createElement("li");
        row.role = "option";
        row.id = `finder-${place}`;
        row.dataset.to = one.to;
        const parts = { span: [`method ${one.method.toLowerCase()}`, one.method], code: ["", one.path], em: ["badge bare", one.api], p: ["said", one.said] };
        for (const [tag, [name, text]] of Object.entries(parts)) {
          const part = document.createElement(tag === "em" || tag === "p" ? "span" : tag);
          part.className = name;
          part.textContent = text;
          row.append(part);
        }
        return row;
      }));
      none.hidden = found.length > 0 || all === null;
      field.setAttribute("aria-expanded", String(found.length > 0));
      choose(0);
    };
    const choose = (place) => {
      const rows = list.children;
      at = Math.max(0, Math.min(place, rows.length - 1));
      [...rows].forEach((row, index) => row.setAttribute("aria-selected", String(index === at)));
      if (rows[at]) { rows[at].scrollIntoView({ block: "nearest" }); field.setAttribute("aria-activedescendant", rows[at].id); }
    };
    const go = (row) => { if (row) { finder.close(); location.href = row.dataset.to; } };
    field.addEventListener("input", show);
    field.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) { event.preventDefault(); choose(at + step); }
      if (event.key === "Enter") { event.preventDefault(); go(list.children[at]); }
    });
    list.addEventListener("click", (event) => go(event.target.closest("li")));
    const top = $(".find input");
    top.addEventListener("click", () => open(top.value));
    top.addEventListener("input", () => { const words = top.value; top.value = ""; open(words); });
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input, textarea, select, rapi-doc");
      if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing)) {
        event.preventDefault();
        open();
      }
    });
  });
})();
