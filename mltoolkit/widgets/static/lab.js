// The one front end of every lab. Python sends regions of escaped HTML; this file shows them and sends events back.
// Written by hand, no dependency. Shown state (focus, scroll, selection, what was typed) survives every update.

/* ---- changing a tree into another one with as little movement as possible ---- */

const keyOf = (node) => (node.nodeType === 1 && node.getAttribute("data-key")) || "";

function copyAttributes(have, want) {
  for (const { name } of [...have.attributes]) if (!want.hasAttribute(name) && !(name === "open" || name === "hidden")) have.removeAttribute(name);
  for (const { name, value } of [...want.attributes]) if (have.getAttribute(name) !== value) have.setAttribute(name, value);
}

function copyInputState(have, want, before) {
  const busy = have.ownerDocument.activeElement === have;
  if (have instanceof HTMLInputElement && have.type === "checkbox") have.checked = want.hasAttribute("checked");
  else if (have instanceof HTMLInputElement || have instanceof HTMLTextAreaElement) {
    const value = want.getAttribute("value") ?? want.textContent;
    if (!busy && value !== before) have.value = value;
  } else if (have instanceof HTMLSelectElement) {
    const chosen = [...have.options].findIndex((option) => option.hasAttribute("selected"));
    if (chosen >= 0) have.selectedIndex = chosen;
  }
}

function morphNode(have, want) {
  if (have.nodeType !== 1) {
    if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue;
    return;
  }
  const before = have.getAttribute("value") ?? (have instanceof HTMLTextAreaElement ? have.textContent : null);
  copyAttributes(have, want);
  const filledElsewhere = have.hasAttribute("data-region") && !want.firstChild;
  if (!filledElsewhere) morphChildren(have, want);
  copyInputState(have, want, before);
}

function morphChildren(have, want) {
  const keyed = new Map();
  for (const child of have.children) if (keyOf(child)) keyed.set(keyOf(child), child);
  const wanted = new Set([...want.children].map(keyOf).filter(Boolean));
  let cursor = have.firstChild;
  const skipGone = () => {
    while (cursor && keyOf(cursor) && !wanted.has(keyOf(cursor))) {
      const next = cursor.nextSibling;
      cursor.remove();
      cursor = next;
    }
  };
  for (const child of [...want.childNodes]) {
    skipGone();
    const key = keyOf(child);
    const match = key ? keyed.get(key) : cursor && !keyOf(cursor) ? cursor : null;
    if (match && match.nodeType === child.nodeType && match.nodeName === child.nodeName) {
      if (match === cursor) cursor = cursor.nextSibling;
      else have.insertBefore(match, cursor);
      morphNode(match, child);
    } else have.insertBefore(child, cursor);
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}

function fill(element, html) {
  const parsed = document.createElement(element.tagName === "TBODY" ? "table" : "div");
  parsed.innerHTML = element.tagName === "TBODY" ? `<tbody>${html}</tbody>` : html;
  morphChildren(element, element.tagName === "TBODY" ? parsed.tBodies[0] : parsed);
}

/* ---- what the model knows, whatever view shows it ---- */

function newStore() {
  return { regions: new Map(), order: [], scroll: new Map(), filters: new Map(), focus: null, heard: false, views: new Set() };
}

function receive(store, message) {
  if (message.type !== "update") return;
  if (message.full) store.regions.clear();
  const changed = [];
  for (const [name, value] of Object.entries(message.regions)) {
    if (typeof value === "string") store.regions.set(name, value);
    else {
      const parts = message.full ? new Map() : store.regions.get(name) instanceof Map ? store.regions.get(name) : new Map();
      store.regions.set(name, new Map(value.order.map((key) => [key, value.changed[key] ?? parts.get(key) ?? ""])));
    }
    changed.push(name);
  }
  store.heard = true;
  for (const view of [...store.views]) {
    try {
      view(message.full ? null : changed);
    } catch (error) {
      console.error("mltoolkit lab:", error);
    }
  }
}

const htmlOf = (value) => (value instanceof Map ? [...value.values()].join("") : value);

/* ---- keyboard ---- */

function focusNext(items, current, key) {
  const at = items.indexOf(current);
  const to = { Home: 0, End: items.length - 1, ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1 }[key];
  if (to === undefined || !items[to]) return null;
  items[to].focus();
  items[to].scrollIntoView({ block: "nearest", inline: "nearest" });
  return items[to];
}

function onKey(event, act) {
  const tab = event.target.closest("[role=tab]");
  if (tab && ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) {
    const next = focusNext([...tab.closest("[role=tablist]").querySelectorAll("[role=tab]:not([disabled])")], tab, event.key);
    if (next) next.click();
    event.preventDefault();
    return;
  }
  const row = event.target.closest("tr[data-action]");
  if (!row || event.target !== row) return;
  if (event.key === "Enter" || event.key === " ") act(row);
  else if (["ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) {
    const rows = [...row.parentElement.querySelectorAll("tr[data-action]")].filter((other) => !other.hidden);
    const next = focusNext(rows, row, event.key);
    if (next) act(next);
  } else return;
  event.preventDefault();
}

/* ---- small things done without Python ---- */

async function copyText(button) {
  const text = button.closest(".mlt-code").querySelector("code").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    button.after(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 1500);
}

function applyFilter(root, store, name) {
  const box = root.querySelector(`[data-filter="${name}"]`);
  if (!box) return;
  const wanted = (store.filters.get(name) || "").toLowerCase().split(/\s+/).filter(Boolean);
  if (root.ownerDocument.activeElement !== box) box.value = store.filters.get(name) || "";
  let shown = 0;
  const rows = [...root.querySelectorAll(`[data-region="${name}"] > [data-text]`)];
  for (const row of rows) {
    row.hidden = !wanted.every((word) => row.getAttribute("data-text").toLowerCase().includes(word));
    if (!row.hidden) shown += 1;
  }
  const count = root.querySelector(`[data-filter-count="${name}"]`);
  if (count) count.textContent = wanted.length ? `${shown} of ${rows.length}` : `${rows.length}`;
  const none = root.querySelector(`[data-filter-none="${name}"]`);
  if (none) none.hidden = !(wanted.length && shown === 0);
}

/* ---- one view ---- */

function build(model, store, el) {
  const root = document.createElement("div");
  root.className = "mlt-lab";
  el.replaceChildren(root);
  const send = (action, value) => model.send({ type: "event", action, value: value ?? null });
  const act = (element) => send(element.dataset.action, element.dataset.value);

  // Regions may stand inside regions: a place is filled when its region changed, or when the place itself is new.
  const filled = new WeakSet();
  function fillPlaces(scope, changed) {
    for (const place of scope.querySelectorAll("[data-region]")) {
      if (!scope.contains(place)) continue; // it went away with what was filled before it
      if (place.parentElement.closest("[data-region]") !== (scope === root ? null : scope)) continue; // filled with its own place
      const name = place.dataset.region;
      if (!changed || changed.includes(name) || !filled.has(place)) fill(place, htmlOf(store.regions.get(name) || ""));
      filled.add(place);
      fillPlaces(place, changed);
    }
  }

  // A slider sends while it moves: one value at a time, the next (the newest) when the last was answered.
  const sliding = { since: 0, next: null };
  function slide(input) {
    if (Date.now() - sliding.since < 1000) return void (sliding.next = input);
    sliding.since = Date.now();
    send(input.dataset.input, input.value);
  }
  function slideAgain() {
    const next = sliding.next;
    Object.assign(sliding, { since: 0, next: null });
    if (next && next.isConnected) slide(next);
  }

  // Drop-down lists and boxes show what Python holds: a choice it refused is taken back by its next answer.
  function follow() {
    for (const list of root.querySelectorAll("select[data-input]")) {
      const chosen = [...list.options].findIndex((option) => option.hasAttribute("selected"));
      if (chosen >= 0) list.selectedIndex = chosen;
    }
    for (const box of root.querySelectorAll("input[type=checkbox][data-input]")) box.checked = box.hasAttribute("checked");
  }

  function show(changed) {
    if (changed && !changed.length) slideAgain(); // an answer without a change ends every event
    const active = root.ownerDocument.activeElement;
    const held = root.contains(active) ? active : null;
    if (!changed || changed.includes("layout")) fill(root, htmlOf(store.regions.get("layout") || ""));
    fillPlaces(root, changed && !changed.includes("layout") ? changed : null);
    for (const box of root.querySelectorAll("[data-filter]")) applyFilter(root, store, box.dataset.filter);
    follow();
    if (held && held.isConnected && root.ownerDocument.activeElement !== held) held.focus({ preventScroll: true });
    if (held && !held.isConnected) refocus(held);
    root.querySelectorAll("[data-autofocus]").forEach((box) => {
      if (box.dataset.done) return;
      box.dataset.done = "1";
      box.focus({ preventScroll: true });
    });
  }

  function refocus(lost) {
    const same = [...root.querySelectorAll(lost.dataset.action ? "[data-action]" : "[data-input]")].find(
      (other) => other.dataset.action === lost.dataset.action && other.dataset.value === lost.dataset.value && other.dataset.input === lost.dataset.input,
    );
    const next = same || root.querySelector("[role=tab][aria-selected=true], tr[aria-selected=true]");
    if (next) next.focus({ preventScroll: true });
  }

  function showSaved() {
    if (store.heard || !root.isConnected) return;
    root.innerHTML = '<div class="mlt-saved"></div>';
    root.firstChild.innerHTML = model.get("saved") || "";
  }

  const listeners = [
    [root, "click", (event) => {
      const copy = event.target.closest("[data-copy]");
      if (copy) return void copyText(copy);
      const target = event.target.closest("[data-action]");
      if (!target || target.disabled || target.getAttribute("aria-disabled") === "true" || !root.contains(target)) return;
      if (event.target.closest("input, select, textarea, label") && target.tagName === "TR") return;
      if (String(getSelection()) && target.tagName === "TR") return;
      if (target.tagName === "TR") target.focus({ preventScroll: true });
      act(target);
    }],
    [root, "change", (event) => {
      const input = event.target.closest("[data-input]");
      if (!input) return;
      if (input.dataset.live !== undefined) return void slide(input);
      const value = input.type === "checkbox" ? input.checked : input.value;
      send(input.dataset.input, input.dataset.about === undefined ? value : { key: input.dataset.about, value });
    }],
    [root, "input", (event) => {
      if (event.target.dataset && event.target.dataset.live !== undefined) return void slide(event.target);
      const name = event.target.dataset && event.target.dataset.filter;
      if (!name) return;
      store.filters.set(name, event.target.value);
      applyFilter(root, store, name);
    }],
    [root, "keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input[data-enter]")) {
        event.target.dispatchEvent(new Event("change", { bubbles: true }));
        send(event.target.dataset.enter, event.target.dataset.value);
      } else if (event.key === "Escape" && event.target.matches("[data-filter]")) {
        event.target.value = "";
        event.target.dispatchEvent(new Event("input", { bubbles: true }));
      } else onKey(event, act);
    }],
    [root, "scroll", (event) => event.target.dataset?.scroll && store.scroll.set(event.target.dataset.scroll, [event.target.scrollTop, event.target.scrollLeft]), true],
    [root, "focusin", (event) => (store.focus = event.target)],
    // JupyterLab's one-letter shortcuts must not fire while somebody works in here; Ctrl+S and its kind still do.
    // It looks for this attribute from the focused element upwards, so the focused element itself has to carry it.
    [window, "keydown", (event) => {
      if (root.contains(event.target)) event.target.toggleAttribute("data-lm-suppress-shortcuts", !(event.ctrlKey || event.metaKey));
    }, true],
  ];
  for (const [target, name, listener, capture] of listeners) target.addEventListener(name, listener, !!capture);
  store.views.add(show);
  if (store.heard) {
    show(null);
    for (const [name, [top, left]] of store.scroll) {
      const place = root.querySelector(`[data-scroll="${name}"]`);
      if (place) Object.assign(place, { scrollTop: top, scrollLeft: left });
    }
    if (store.focus && !store.focus.isConnected && Date.now() - store.leftAt < 2000) refocus(store.focus);
  } else {
    model.send({ type: "hello" });
    setTimeout(showSaved, 1500);
  }
  return () => {
    store.leftAt = root.contains(root.ownerDocument.activeElement) ? Date.now() : 0;
    store.views.delete(show);
    for (const [target, name, listener, capture] of listeners) target.removeEventListener(name, listener, !!capture);
  };
}

export default () => {
  const store = newStore();
  return {
    initialize({ model }) {
      model.on("msg:custom", (message) => receive(store, message));
    },
    render({ model, el }) {
      return build(model, store, el);
    },
  };
};
