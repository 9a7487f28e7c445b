// The accent as it is chosen: the whole page takes the colour, as the shop would.
(() => {
  "use strict";
  const part = document.querySelector("[data-accent]");
  if (!part) return;
  const text = part.querySelector("input[name=accent]"), colour = part.querySelector("input[type=color]");
  const kept = document.querySelector('link[href^="/assets/accent/"]');
  let sheet = kept;
  const show = (value) => {
    if (!sheet) { sheet = document.createElement("link"); sheet.rel = "stylesheet"; document.head.append(sheet); }
    if (/^#[0-9a-f]{6}$/i.test(value)) { sheet.disabled = false; sheet.href = `/assets/accent/${value.slice(1).toLowerCase()}.css`; } else if (!value) sheet.disabled = true;
  };
  colour.hidden = text.matches(":disabled");
  colour.addEventListener("input", () => { text.value = colour.value; show(colour.value); text.dispatchEvent(new Event("change", { bubbles: true })); });
  text.addEventListener("input", () => { if (/^#[0-9a-f]{6}$/i.test(text.value)) colour.value = text.value; show(text.value); });
  text.form.addEventListener("reset", () => setTimeout(() => { colour.value = text.value || "#4f46e5"; show(text.value); }));
})();
