// What a shop's pages do with script: suggestions by keyboard, a gallery that follows, a variant's price and stock.
(() => {
  "use strict";
  const { $, $$ } = window.merx;

  // Suggestions: shown while there are some, walked through with the arrows.
  $$("form[data-suggests]").forEach((form) => {
    const input = $("input", form), box = $(".suggestions", form);
    const show = (on) => { box.hidden = !on; input.setAttribute("aria-expanded", String(on)); };
    const links = () => $$("a", box);
    const at = () => links().findIndex((link) => link.hasAttribute("data-at"));
    const mark = (index) => {
      links().forEach((link, place) => {
        link.toggleAttribute("data-at", place === index);
        link.parentElement.id ||= `${box.id}-${place}`;
        link.parentElement.setAttribute("aria-selected", String(place === index));
      });
      const chosen = links()[index];
      if (chosen) { input.setAttribute("aria-activedescendant", chosen.parentElement.id); chosen.scrollIntoView({ block: "nearest" }); }
      else input.removeAttribute("aria-activedescendant");
    };
    box.addEventListener("htmx:afterSwap", () => show(box.childElementCount > 0 && input.value.trim().length > 1));
    input.addEventListener("focus", () => { if (box.childElementCount && input.value.trim().length > 1) show(true); });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !box.hidden) { event.preventDefault(); show(false); }
      if (box.hidden || !links().length) return;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) { event.preventDefault(); mark((at() + step + links().length + (at() < 0 && step < 0 ? 1 : 0)) % links().length); }
      if (event.key === "Enter" && at() >= 0) { event.preventDefault(); links()[at()].click(); }
    });
    document.addEventListener("click", (event) => { if (!form.contains(event.target)) show(false); });
    form.addEventListener("focusout", (event) => { if (!form.contains(event.relatedTarget)) setTimeout(() => show(false), 150); });
  });

  // The gallery: thumbnails move the stage without moving the page, and show where it is.
  $$("[data-gallery]").forEach((gallery) => {
    const stage = $(".stage", gallery), thumbs = $$(".thumbs a", gallery);
    thumbs.forEach((thumb, place) => thumb.addEventListener("click", (event) => {
      event.preventDefault();
      stage.scrollTo({ left: stage.children[place].offsetLeft - stage.offsetLeft, behavior: "smooth" });
    }));
    const here = () => {
      const place = Math.round(stage.scrollLeft / stage.clientWidth);
      thumbs.forEach((thumb, other) => { if (other === place) thumb.setAttribute("aria-current", "true"); else thumb.removeAttribute("aria-current"); });
    };
    stage.addEventListener("scroll", here, { passive: true });
    here();
  });

  // A variant: its price and what is left of it.
  $$("form[data-variants]").forEach((form) => form.addEventListener("change", (event) => {
    const option = event.target;
    if (option.name !== "variant" || option.type !== "radio") return;
    const left = Number(option.dataset.stock), stock = $("#stock"), few = Number(stock.dataset.few);
    $("#now").innerHTML = option.dataset.price;
    stock.className = `stock${left <= 0 ? " none" : left <= few ? " few" : ""}`;
    stock.textContent = left <= 0 ? "Sold out" : left <= few ? `Only ${left} left` : "In stock";
    const quantity = form.elements.quantity;
    quantity.max = Math.max(left, 1);
    if (Number(quantity.value) > left) quantity.value = Math.max(left, 1);
    history.replaceState(null, "", `${location.pathname}?variant=${option.value}`);
  }));

  // What was said about the cart goes by itself.
  const added = $("#added");
  let timer;
  added?.addEventListener("htmx:afterSwap", () => { clearTimeout(timer); timer = setTimeout(() => added.replaceChildren(), 7000); });
  added?.addEventListener("click", (event) => { if (event.target.closest("[data-hides]")) added.replaceChildren(); });

  // Fields of an address that is not asked for are not required.
  const same = $("#f-same");
  const billing = () => $$(".billing input, .billing select").forEach((field) => { field.disabled = same.checked; });
  if (same) { same.addEventListener("change", billing); billing(); }

  // A sum that is being asked for anew keeps its field in reach.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "cart") event.detail.target.dataset.focus = document.activeElement?.closest(".line")?.id ?? "";
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const line = event.target.id === "cart" && event.target.dataset.focus ? document.getElementById(event.target.dataset.focus) : null;
    $("input[type=number]", line ?? document.createElement("i"))?.focus();
  });
})();
