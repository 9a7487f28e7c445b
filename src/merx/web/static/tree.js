// The category tree by drag and drop: above or below another, or onto it to lie inside. Sends the form that the page
// has for it; the arrows and a category's own page do the same without script.
(() => {
  "use strict";
  const tree = document.querySelector("[data-tree]");
  const form = document.getElementById("place");
  if (!tree || !form) return;
  let held = null, target = null;
  const rows = () => [...tree.children];
  const depth = (row) => Number(row.dataset.depth);
  const inside = (row, other) => { // whether `other` lies below `row`
    const all = rows();
    const from = all.indexOf(row), to = all.indexOf(other);
    if (to <= from) return false;
    return all.slice(from + 1, to + 1).every((one) => depth(one) > depth(row));
  };
  const parentOf = (row) => rows().slice(0, rows().indexOf(row)).reverse().find((one) => depth(one) < depth(row));
  const nextSibling = (row) => {
    for (const one of rows().slice(rows().indexOf(row) + 1)) {
      if (one !== held && !inside(held, one) && depth(one) === depth(row)) return one;
      if (depth(one) < depth(row)) return null;
    }
    return null;
  };
  const clear = () => { rows().forEach((row) => row.classList.remove("drop-before", "drop-after", "drop-into")); target = null; };
  tree.addEventListener("dragstart", (event) => {
    held = event.target.closest("li");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", held.dataset.number);
    requestAnimationFrame(() => held?.classList.add("held"));
  });
  tree.addEventListener("dragover", (event) => {
    const row = event.target.closest("li");
    if (!held || !row || row === held || inside(held, row)) return;
    event.preventDefault();
    const box = row.getBoundingClientRect(), at = (event.clientY - box.top) / box.height;
    clear();
    target = { row, how: at < 0.3 ? "before" : at > 0.7 ? "after" : "into" };
    row.classList.add(`drop-${target.how}`);
  });
  tree.addEventListener("dragend", () => { held?.classList.remove("held"); held = null; clear(); });
  tree.addEventListener("drop", (event) => {
    if (!held || !target) return;
    event.preventDefault();
    const { row, how } = target;
    const parent = how === "into" ? row : parentOf(row);
    const before = how === "before" ? row : how === "after" ? nextSibling(row) : null;
    form.elements.number.value = held.dataset.number;
    form.elements.parent.value = parent?.dataset.number ?? "";
    form.elements.before.value = before?.dataset.number ?? "";
    form.requestSubmit();
  });
})();
