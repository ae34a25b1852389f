// The report of a profile comes alive: tabs, sorting, search, filters, the card of a column, the heat map.
// The markup is readable without this script. Everything found in data becomes text nodes and attributes, never markup,
// and columns are known by their place, never by their name.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const WINDOWED = 100; // more rows than this are drawn only where they can be seen
  const SEVERITY = ["error", "warning", "info"];
  const NUMERIC = new Set(["number", "clock", "datetime", "duration"]);
  const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
  const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
  const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

  // ---- small helpers ----
  function make(space, tag, attributes, kids) {
    const node = space ? document.createElementNS(space, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === true) node.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined && (value !== "" || name === "value")) node.setAttribute(name, value);
    }
    for (const kid of kids.flat(3)) if (kid !== null && kid !== undefined && kid !== false && kid !== "") node.append(kid);
    return node;
  }
  const h = (tag, attributes, ...kids) => make(null, tag, attributes, kids);
  const s = (tag, attributes, ...kids) => make(SVG, tag, attributes, kids);
  const count = (v) => whole.format(v);
  const times = (v, word) => `${count(v)} ${word}${v === 1 ? "" : "s"}`;
  const short = (text, n) => (text.length > n ? text.slice(0, n - 1) + "\u2026" : text);

  function percent(share) {
    if (!share) return "0";
    if (share < 0.0005) return "<0.1 %";
    if (share > 0.9995 && share < 1) return ">99.9 %";
    return share === 1 ? "100 %" : `${(Math.floor(1000 * share + 0.5) / 10).toFixed(1)} %`;
  }

  function plain(v) {
    const size = Math.abs(v);
    if (Number.isInteger(v) && size < 1e4) return String(v);
    if (size >= 1e15 || (size && size < 1e-4)) return v.toExponential(2).replace("e+", "e");
    if (size >= 1e4) return whole.format(v);
    const rounded = +v.toPrecision(4);
    return Math.abs(rounded) >= 1e4 ? whole.format(rounded) : String(rounded);
  }

  function span(seconds) {
    const sign = seconds < 0 ? "-" : "", size = Math.abs(seconds);
    for (const [unit, length] of [["y", 31557600], ["d", 86400], ["h", 3600], ["min", 60]]) if (size >= length) return `${sign}${plain(+(size / length).toPrecision(3))} ${unit}`;
    return `${sign}${plain(+size.toPrecision(3))} s`;
  }

  function moment(text) {
    const [day, time] = text.split("T");
    if (!time) return text;
    const [, clock, zone] = /^([\d:.]*)(.*)$/.exec(time);
    const cut = clock.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "").replace(/^(\d\d:\d\d):00$/, "$1");
    return cut === "00:00" ? day : `${day} ${cut}${zone === "+00:00" || zone === "Z" ? "" : zone}`;
  }

  function figure(v, kind) {
    if (v === null || v === undefined) return "";
    if (typeof v !== "number") return kind === "datetime" ? moment(v) : String(v);
    if (kind === "clock" && Number.isInteger(v) && v >= 0 && v % 100 < 60) return `${String(Math.floor(v / 100)).padStart(2, "0")}:${String(v % 100).padStart(2, "0")}`;
    if (kind === "duration") return span(v);
    return plain(v);
  }

  const epoch = (seconds) => moment(new Date(seconds * 1000).toISOString().replace(/\.\d+Z|Z/, ""));

  // ---- pictures ----
  function spark(counts) {
    const step = Math.max(4, Math.min(12, Math.floor(96 / counts.length))), top = Math.max(...counts) || 1;
    const d = counts.map((c, i) => (c ? `M${i * step + step / 2 - 0.5} 22v-${Math.max(1, Math.round((22 * c) / top))}` : "")).join("");
    return s("svg", { class: "mltp-h", width: 96, height: 22, "aria-hidden": "true" }, s("path", { d, "stroke-width": step - 1 }));
  }

  const meter = (share, tone) => {
    const bar = h("i");
    bar.style.width = `${Math.max(share > 0 ? 2 : 0, Math.min(100, 100 * share))}%`;
    return h("span", { class: `mltp-m ${tone || ""}`, "aria-hidden": "true" }, bar);
  };

  // bars with a readout; `say(i)` is the sentence of a bar. Arrow keys move where the mouse hovers.
  function bars(counts, { height = 86, label, ends, say }) {
    const n = counts.length, top = Math.max(...counts) || 1, step = 300 / n, gap = step > 6 ? 1.2 : 0.6;
    const box = (c, i) => { const y = (height * c) / top; return c ? `M${(i * step).toFixed(1)} ${height}v-${Math.max(1, y).toFixed(1)}h${(step - gap).toFixed(1)}V${height}z` : ""; };
    const mark = s("path", { class: "mltp-mark" });
    const base = s("path", { class: "mltp-base", d: `M0 ${height}H300` });
    const svg = s("svg", { class: "mltp-chart", viewBox: `0 0 300 ${height + 1}`, height, preserveAspectRatio: "none", role: "img", "aria-label": `${label}. Arrow keys read the bars.`, tabindex: 0 },
      base, s("path", { d: counts.map(box).join("") }), mark);
    const left = h("span", null, ends[0]), right = h("span", null, ends[1]), read = h("span", { class: "mltp-read", role: "status", hidden: true });
    let at = -1;
    const show = (i) => {
      at = i;
      mark.setAttribute("d", i < 0 ? "" : box(counts[i], i));
      read.textContent = i < 0 ? "" : say(i);
      read.hidden = i < 0;
      left.hidden = right.hidden = i >= 0;
    };
    svg.addEventListener("pointermove", (event) => {
      const frame = svg.getBoundingClientRect();
      show(Math.max(0, Math.min(n - 1, Math.floor(((event.clientX - frame.left) / frame.width) * n))));
    });
    svg.addEventListener("pointerleave", () => show(-1));
    svg.addEventListener("blur", () => show(-1));
    svg.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!move) return;
      event.preventDefault();
      event.stopPropagation();
      show(Math.max(0, Math.min(n - 1, at < 0 ? (move > 0 ? 0 : n - 1) : at + move)));
    });
    return h("div", null, svg, h("div", { class: "mltp-ends" }, left, read, right));
  }

  // ---- one report ----
  function start(root) {
    root.dataset.on = "";
    const find = (selector, from = root) => from.querySelector(selector);
    const all = (selector, from = root) => [...from.querySelectorAll(selector)];
    const D = JSON.parse(find("script[type='application/json']").textContent);
    const C = D.c, N = D.n, uid = root.id;
    const alertsOf = C.map(() => []);
    D.a.forEach((a) => a[1] >= 0 && alertsOf[a[1]].push(a));
    const worst = alertsOf.map((found) => Math.min(3, ...found.map((a) => D.codes[a[0]][1])));
    const chip = (severity, words, title) => h("span", { class: "mltp-chip", "data-s": severity, title }, words);
    const marked = (i, field) => (C[i].e && field in C[i].e ? h("span", { class: "mltp-est", title: `estimated: ${D.marks[C[i].e[field]]}` }, "\u2248\u2009") : null);
    const nameOf = (i, n = 300) => h("bdi", { title: C[i].n.length > 28 || C[i].l ? C[i].n : null }, short(C[i].n, n));

    // ---- tabs ----
    const sections = all(".mltp-sec");
    const tabs = sections.map((section, i) => {
      section.id = `${uid}-s${i}`;
      section.setAttribute("role", "tabpanel");
      section.setAttribute("aria-labelledby", `${uid}-t${i}`);
      return h("button", { type: "button", role: "tab", id: `${uid}-t${i}`, "aria-controls": section.id }, section.dataset.tab);
    });
    function openTab(at, focus) {
      tabs.forEach((tab, i) => {
        tab.setAttribute("aria-selected", String(i === at));
        tab.tabIndex = i === at ? 0 : -1;
        sections[i].hidden = i !== at;
      });
      if (focus) tabs[at].focus();
      const draw = sections[at].drawLater;
      if (draw) { delete sections[at].drawLater; draw(); }
    }
    const tablist = h("div", { class: "mltp-tabs", role: "tablist", "aria-label": "Parts of the profile" }, tabs);
    if (sections.length > 1) sections[0].before(tablist);
    else if (sections.length) find("h3", sections[0]).hidden = true;
    tablist.addEventListener("click", (event) => { const at = tabs.indexOf(event.target.closest("[role=tab]")); if (at >= 0) openTab(at); });
    tablist.addEventListener("keydown", (event) => {
      const at = tabs.indexOf(event.target), last = tabs.length - 1;
      const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at ? at - 1 : last, Home: 0, End: last }[event.key];
      if (at >= 0 && to !== undefined) { event.preventDefault(); openTab(to, true); }
    });

    // ---- alerts: the five worst first, filter by severity ----
    const groups = all(".mltp-alert");
    const shown = { severity: "", more: false };
    const more = h("button", { type: "button", class: "mltp-button mltp-more" });
    function drawAlerts() {
      const fit = groups.filter((g) => !shown.severity || g.dataset.s === shown.severity);
      const many = fit.length > 6 && !shown.more;
      groups.forEach((g) => (g.hidden = !fit.includes(g) || (many && fit.indexOf(g) >= 5)));
      more.hidden = !(fit.length > 6);
      more.textContent = shown.more ? "Show the worst five only" : `Show ${fit.length - 5} more kinds of alerts`;
      more.setAttribute("aria-expanded", String(shown.more));
      all(".mltp-count [data-pick]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.pick === shown.severity)));
    }
    if (groups.length) find(".mltp-alerts").append(more);
    more.addEventListener("click", () => { shown.more = !shown.more; drawAlerts(); });
    all(".mltp-count .mltp-chip[data-s]").forEach((old) => {
      if (old.dataset.s === "ok") return;
      const button = h("button", { type: "button", class: "mltp-chip", "data-s": old.dataset.s, "data-pick": old.dataset.s, "aria-pressed": "false", title: `Show only alerts of this severity` }, old.textContent);
      old.replaceWith(button);
      button.addEventListener("click", () => {
        shown.severity = shown.severity === old.dataset.s ? "" : old.dataset.s;
        shown.more = false;
        drawAlerts();
        openTab(0);
        filterBy(shown.severity);
      });
    });
    groups.forEach((g) => {
      if (!g.dataset.n) return;
      const pick = h("button", { type: "button", class: "mltp-button" }, `Show ${g.dataset.n === "1" ? "this column" : "these columns"} in the table`);
      find(".mltp-inside", g).append(pick);
      pick.addEventListener("click", () => { filterBy(g.dataset.code); table.scrollIntoView({ block: "nearest" }); });
    });

    // ---- the table of columns ----
    const table = find(".mltp-cols"), scroll = find(".mltp-scroll"), two = find(".mltp-two");
    const body = table && table.tBodies[0];
    const target = D.t || null;
    const rowCache = new Map();
    let order = [], windowed = false, height = 32, from = -1, to = -1, active = 0, opened = -1;
    const sorting = { key: "", down: false };

    function rangeText(c) {
      if (c.x) return "values not shown";
      if (c.k === "constant" && c.t && c.t.length) return figure(c.t[0], c.k);
      if (c.k === "datetime" && typeof c.lo === "string" && c.lo.slice(0, 10) !== c.hi.slice(0, 10)) return `${c.lo.split("T")[0]} to ${c.hi.split("T")[0]}`;
      if (NUMERIC.has(c.k) && c.lo !== undefined) return c.lo === c.hi ? figure(c.lo, c.k) : `${figure(c.lo, c.k)} to ${figure(c.hi, c.k)}`;
      if (c.t && c.t.length) return `${figure(c.t[0], c.k)} (${percent(c.t[1] / Math.max(1, N - c.m))})`;
      if (c.lo !== undefined) return `${figure(c.lo, c.k)} to ${figure(c.hi, c.k)}`;
      return "";
    }
    // few numbers: a bar for each value, in their order
    function valuesOf(c) {
      if (!c.h || !c.t || c.t.length !== 2 * c.u || c.t.some((v) => typeof v !== "number")) return null;
      const pairs = [];
      for (let i = 0; i < c.t.length; i += 2) pairs.push([c.t[i], c.t[i + 1]]);
      return pairs.sort((a, b) => a[0] - b[0]);
    }
    const countsOf = (c) => (valuesOf(c) ? valuesOf(c).map((p) => p[1]) : c.h ? c.h.slice(2) : c.t && c.t.length > 2 ? c.t.filter((_, i) => i % 2) : null);
    const tells = (c) => (c.R ? Math.max(0, (c.R[0] - target.base) / (1 - target.base)) : -1);

    function chips(i) {
      const found = alertsOf[i], seen = [];
      for (const a of found) if (!seen.some((b) => D.codes[b[0]][2] === D.codes[a[0]][2])) seen.push(a);
      const first = seen.slice(0, 2).map((a) => { const [code, severity, word, message] = D.codes[a[0]]; return chip(SEVERITY[severity], word, `${SEVERITY[severity]} ${code}: ${message}`); });
      const rest = found.length - first.length;
      const titles = found.map((a) => `${D.codes[a[0]][0]} ${D.codes[a[0]][2]}`).join(", ");
      return h("span", { class: "mltp-chips" }, first, seen.length > 2 && h("span", { class: "mltp-chip", title: titles }, `+${rest}`));
    }

    function row(i) {
      if (rowCache.has(i)) return rowCache.get(i);
      const c = C[i], counts = c.x ? null : countsOf(c), leak = alertsOf[i].some((a) => D.codes[a[0]][1] === 0 && D.codes[a[0]][0].startsWith("MLT3"));
      const name = h("button", { type: "button", class: "mltp-open", tabindex: -1, "aria-expanded": "false", "data-c": i }, h("bdi", { title: c.n }, short(c.n, 120)));
      const tr = h("tr", { "data-i": i },
        h("td", null, h("span", { class: "mltp-name" }, name, c.r && h("span", { class: "mltp-role" }, c.r))),
        h("td", { class: "mltp-kind mltp-x3" }, c.s ? `${c.k}, ${c.s}` : c.k),
        h("td", { class: "r" }, marked(i, "missing"), percent(c.m / Math.max(1, N)), meter(c.m / Math.max(1, N), c.m ? "mltp-lost" : "mltp-void")),
        h("td", { class: "r mltp-x2" }, marked(i, "distinct"), count(c.u)),
        h("td", { class: "mltp-x4" }, counts && spark(counts)),
        h("td", { class: "mltp-range mltp-x1", title: rangeText(c) }, h("bdi", null, rangeText(c))),
        target && h("td", { class: "r mltp-x4" }, c.R && [c.R[0].toFixed(target.digits), meter(tells(c), leak && "mltp-strong")]),
        h("td", null, chips(i)));
      rowCache.set(i, tr);
      if (rowCache.size > 3000) rowCache.delete(rowCache.keys().next().value);
      return tr;
    }

    const KEYS = {
      name: (i) => C[i].n.toLowerCase(),
      kind: (i) => `${C[i].k} ${C[i].s || ""}`,
      missing: (i) => C[i].m,
      distinct: (i) => C[i].u,
      tells: (i) => tells(C[i]),
      alerts: (i) => (3 - worst[i]) * 1000 + alertsOf[i].length,
    };

    const search = h("input", { type: "search", placeholder: "Search columns  ( / )", "aria-label": "Search columns by name, kind or type", spellcheck: "false" });
    const kindBox = h("select", { "aria-label": "Kind" }), alertBox = h("select", { "aria-label": "Alerts" });
    const status = h("span", { role: "status", "aria-live": "polite" });
    const haystack = C.map((c) => `${c.n} ${c.s || ""} ${c.r || ""}`.toLowerCase());

    function compute() {
      const word = search.value.trim().toLowerCase(), kind = kindBox.value, wish = alertBox.value;
      const level = SEVERITY.indexOf(wish);
      order = [];
      for (let i = 0; i < C.length; i += 1) {
        if (word && !haystack[i].includes(word)) continue;
        if (kind && C[i].k !== kind) continue;
        if (wish === "any" && !alertsOf[i].length) continue;
        if (level >= 0 && !alertsOf[i].some((a) => D.codes[a[0]][1] === level)) continue;
        if (wish.startsWith("MLT") && !alertsOf[i].some((a) => D.codes[a[0]][0] === wish)) continue;
        order.push(i);
      }
      if (sorting.key) {
        const key = C.map((_, i) => KEYS[sorting.key](i)), sign = sorting.down ? -1 : 1;
        order.sort((a, b) => (key[a] < key[b] ? -sign : key[a] > key[b] ? sign : a - b));
      }
    }

    function draw(everything) {
      if (!body) return;
      windowed = !everything && order.length > WINDOWED;
      from = to = -1;
      if (!order.length) {
        body.replaceChildren(h("tr", null, h("td", { class: "mltp-none", colspan: table.tHead.rows[0].cells.length }, C.length ? "No column fits. Esc in the search box clears it." : "The table has no columns.")));
      } else if (!windowed) body.replaceChildren(...order.map(row));
      else { drawWindow(); }
      table.classList.toggle("mltp-fixed", C.length > WINDOWED && !everything);
      table.setAttribute("aria-rowcount", String(order.length + 1));
      status.textContent = order.length === C.length ? times(C.length, "column") : `${count(order.length)} of ${times(C.length, "column")}`;
      rove();
    }

    function drawWindow() {
      const seen = Math.ceil((scroll.clientHeight || 640) / height), first = Math.max(0, Math.floor(scroll.scrollTop / height) - 8);
      const start_ = Math.min(first, Math.max(0, order.length - seen)), end = Math.min(order.length, start_ + seen + 16);
      if (start_ === from && end === to) return;
      from = start_; to = end;
      const gap = (rows) => { const tr = h("tr", { class: "mltp-gap", "aria-hidden": "true" }, h("td", { colspan: table.tHead.rows[0].cells.length })); tr.firstChild.style.height = `${rows * height}px`; return tr; };
      const rows = order.slice(from, to).map((i, k) => { const tr = row(i); tr.setAttribute("aria-rowindex", String(from + k + 2)); return tr; });
      const kept = document.activeElement && body.contains(document.activeElement) ? document.activeElement : null, top = scroll.scrollTop;
      body.replaceChildren(gap(from), ...rows, gap(order.length - to));
      if (scroll.scrollTop !== top) scroll.scrollTop = top; // a layout half-way through the exchange may have moved it
      if (kept && kept.isConnected) kept.focus({ preventScroll: true });
      else if (kept) scroll.focus({ preventScroll: true });
      const real = rows[0] && rows[0].offsetHeight;
      if (real && Math.abs(real - height) > 0.5) { height = real; from = -1; drawWindow(); }
    }

    const button = (i) => { const tr = rowCache.get(i); return tr && tr.isConnected ? find(".mltp-open", tr) : null; };
    function rove() {
      active = Math.max(0, Math.min(order.length - 1, active));
      all(".mltp-open[tabindex='0']", body).forEach((b) => (b.tabIndex = -1));
      const now = order.length ? button(order[active]) : null;
      if (now) now.tabIndex = 0;
    }
    function focusRow(at) {
      if (!order.length) return;
      active = Math.max(0, Math.min(order.length - 1, at));
      const head = table.tHead.offsetHeight;
      if (windowed) {
        const top = active * height, room = scroll.clientHeight - head;
        if (top < scroll.scrollTop) scroll.scrollTop = top;
        else if (top + height > scroll.scrollTop + room) scroll.scrollTop = top + height - room;
        drawWindow();
      }
      rove();
      const now = button(order[active]);
      if (!now) return;
      now.focus({ preventScroll: true });
      if (!windowed) {
        const tr = now.closest("tr"), room = scroll.clientHeight - head;
        if (tr.offsetTop - head < scroll.scrollTop) scroll.scrollTop = tr.offsetTop - head;
        else if (tr.offsetTop + tr.offsetHeight > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = tr.offsetTop + tr.offsetHeight - scroll.clientHeight;
      }
      if (opened >= 0) openCard(order[active]);
    }

    function refresh(keepTop) {
      compute();
      if (!keepTop) { scroll.scrollTop = 0; active = 0; }
      draw();
    }

    function filterBy(wish) {
      if (!body) return;
      search.value = "";
      kindBox.value = "";
      alertBox.value = wish;
      openTab(0);
      refresh();
    }

    function sortBy(key) {
      const numeric = key !== "name" && key !== "kind";
      if (sorting.key !== key) Object.assign(sorting, { key, down: numeric });
      else if (sorting.down === numeric) sorting.down = !sorting.down;
      else Object.assign(sorting, { key: "", down: false });
      all("th[data-key]", table).forEach((th) => {
        if (th.dataset.key === sorting.key) th.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
        else th.removeAttribute("aria-sort");
      });
      refresh();
    }

    // ---- the card of a column ----
    const card = h("aside", { class: "mltp-card", id: `${uid}-card`, "aria-label": "Column", hidden: true });
    const keys = (pairs) => { const kept = pairs.filter((p) => p && p[1] !== null && p[1] !== undefined && p[1] !== ""); return kept.length ? h("dl", { class: "mltp-keys" }, kept.map(([k, v, title]) => [h("dt", null, k), h("dd", { title: title || (typeof v === "string" && v.length > 24 ? v : null) }, v)])) : null; };
    const part = (title, ...kids) => { const inside = kids.flat(3).filter(Boolean); return inside.length ? h("section", null, title && h("h5", null, title), inside) : null; };
    const ranked = (items) => h("div", { class: "mltp-rank" }, items.map(([label, share, text, title, go]) => [h("span", { title: title || null, class: go >= 0 ? "mltp-link" : null, "data-c": go >= 0 ? go : null, tabindex: go >= 0 ? 0 : null, role: go >= 0 ? "link" : null }, h("bdi", null, label)), meter(share), h("span", { class: "r" }, text)]));

    function distribution(c) {
      const known = Math.max(1, N - c.m);
      const out = [], few = valuesOf(c), name = (v) => figure(v, c.k);
      if (few && few.length > 1) {
        out.push(part("Distribution", bars(few.map((p) => p[1]), { label: "Rows by value", ends: [name(few[0][0]), name(few[few.length - 1][0])], say: (i) => `${name(few[i][0])}: ${times(few[i][1], "row")} (${percent(few[i][1] / known)})` })));
      } else if (c.h) {
        const [low, high] = c.h, counts = c.h.slice(2), step = (high - low) / counts.length;
        const at = (v) => (c.k === "datetime" ? epoch(v) : c.k === "clock" ? figure(Math.round(v), "clock") : figure(+v.toPrecision(4), c.k));
        const edge = (i) => (i === 0 && c.k !== "datetime" ? `up to ${at(low + step)}` : i === counts.length - 1 && c.k !== "datetime" ? `${at(high - step)} and more` : `${at(low + i * step)} to ${at(low + (i + 1) * step)}`);
        const say = (i) => `${edge(i)}: ${times(counts[i], "row")} (${percent(counts[i] / known)})`;
        out.push(part(c.k === "datetime" ? "Rows over time" : "Distribution", bars(counts, { label: "Histogram", ends: [at(low), at(high)], say })));
      }
      if (c.t && c.t.length && !(c.h && c.t[1] < 0.01 * known)) {
        const top = [];
        for (let i = 0; i < c.t.length; i += 2) top.push([c.t[i], c.t[i + 1]]);
        const most = top[0][1], first = top.slice(0, 10), rest = top.slice(10);
        const lines = (list) => ranked(list.map(([v, n]) => [figure(v, c.k) || "(empty text)", n / most, `${count(n)} (${percent(n / known)})`, figure(v, c.k)]));
        out.push(part("Most frequent values", lines(first), rest.length > 0 && h("details", { class: "mltp-fold" }, h("summary", null, `${rest.length} more`), lines(rest))));
      }
      return out;
    }

    function figures(i) {
      const c = C[i], q = c.q || [], name = c.k === "duration" ? "duration" : c.k, f = (v) => figure(v, name);
      const share = (v) => (v ? `${count(v)} (${percent(v / Math.max(1, N))})` : null);
      const rows = [
        ["rows", count(N)], ["missing", [marked(i, "missing"), c.m ? share(c.m) : "none"]], ["blank text", share(c.b)], ["infinite", share(c.i)],
        ["distinct", [marked(i, "distinct"), count(c.u)]], ["zeros", c.z === undefined ? null : c.z ? share(c.z) : "none"], ["negative", share(c.g)],
        c.tf && !c.t ? ["most frequent value", share(c.tf)] : null,
        c.mo ? ["in row order", c.mo > 0 ? "never falls" : "never rises"] : null,
        c.L ? ["characters", `${plain(c.L[0])} to ${plain(c.L[2])}, mean ${plain(+(+c.L[1]).toPrecision(3))}`] : null,
      ];
      const moments = c.k === "clock" ? [] : [["mean", c.av === undefined ? null : [marked(i, "mean"), f(c.av)]], ["standard deviation", c.sd === undefined ? null : f(c.sd)], ["skewness", c.sk === undefined ? null : plain(c.sk)], ["excess kurtosis", c.ku === undefined ? null : plain(c.ku)]];
      const labels = ["1 %", "5 %", "25 %", "median", "75 %", "95 %", "99 %"];
      const steps = [["lowest", c.lo === undefined ? null : [marked(i, "min"), f(c.lo)]], ...labels.map((label, k) => [label, q[k] === undefined || q[k] === null ? null : [marked(i, "quantiles"), f(q[k])]]), ["highest", c.hi === undefined ? null : [marked(i, "max"), f(c.hi)]]];
      return [part("", keys(rows)), part("Quantiles", q.length ? keys(steps) : c.lo !== undefined && c.lo !== c.hi ? keys([["lowest", f(c.lo)], ["highest", f(c.hi)]]) : null), part("Moments", keys(moments))];
    }

    function suspects(c) {
      const out = [], f = (v) => figure(v, c.k);
      if (c.o) {
        const [low, high, below, above, rule] = c.o;
        out.push(part(`Outliers (${D.rules[rule]})`, below + above ? keys([[`below ${f(low)}`, count(below)], [`above ${f(high)}`, count(above)]]) : h("p", { class: "mltp-dim" }, `None outside ${f(low)} to ${f(high)}.`)));
      }
      if (c.S) {
        const list = [];
        for (let i = 0; i < c.S.length; i += 2) list.push([f(c.S[i]) || "(empty text)", c.S[i + 1] / Math.max(1, N), `${count(c.S[i + 1])} (${percent(c.S[i + 1] / Math.max(1, N))})`]);
        out.push(part("May stand for missing", ranked(list)));
      }
      return out;
    }

    function textShape(c) {
      const out = [], pairs = (flat, text) => { const list = []; for (let i = 0; i < flat.length; i += 2) list.push([flat[i], flat[i + 1] / text.top, text.say(flat[i + 1]), flat[i]]); return list; };
      if (c.p) out.push(part("Shapes, in the sample (A letter, 9 digit)", ranked(pairs(c.p, { top: 1, say: percent }))));
      if (c.ch) out.push(part("Characters, in the sample", ranked(["letters", "digits", "spaces", "punctuation", "other"].map((label, k) => [label, c.ch[k], percent(c.ch[k])]).filter((r) => r[1]))));
      if (c.w) out.push(part("Frequent words, rows of the sample", ranked(pairs(c.w, { top: c.w[1], say: count }))));
      return out;
    }

    function timeShape(c) {
      if (!c.T) return [];
      const T = c.T, sum = (list) => list.reduce((a, b) => a + b, 0) || 1;
      const chart = (list, label, names, ends) => list && bars(list, { height: 44, label, ends, say: (i) => `${names(i)}: ${percent(list[i] / sum(list))}` });
      const rows = [["span", T.span === undefined ? null : span(T.span)], ["most frequent step", T.step ? span(T.step) : null], ["granularity", T.gran], ["gaps", T.gaps === undefined ? null : T.gaps ? count(T.gaps) : "none"], ["longest gap", T.gaps && T.long ? span(T.long) : null]];
      return [part("Time", keys(rows)), T.hour && part("By hour", chart(T.hour, "Rows by hour", (i) => `${i}:00 to ${i}:59`, ["0:00", "23:59"])),
        (T.day || T.month) && h("section", null, h("div", { class: "mltp-pair" }, T.day && h("div", null, h("h5", null, "By weekday"), chart(T.day, "Rows by weekday", (i) => DAYS[i], ["Mon", "Sun"])), T.month && h("div", null, h("h5", null, "By month"), chart(T.month, "Rows by month", (i) => MONTHS[i], ["Jan", "Dec"]))))];
    }

    function relations(i) {
      const c = C[i], near = [];
      for (const [a, b, measure, value] of D.p) if (a === i || b === i) near.push([a === i ? b : a, measure, value]);
      const together = D.w.filter(([columns]) => columns.length > 1 && columns.includes(i));
      const partners = [...new Set(together.flatMap(([columns]) => columns))].filter((j) => j !== i);
      const out = [];
      if (c.R && target) {
        const [score, low, high, how, rows] = c.R, d = target.digits + 1;
        out.push(part("Tells about the target", keys([[target.score, `${score.toFixed(d)}${low === null ? "" : ` (${low.toFixed(d)} to ${high.toFixed(d)})`}`], ["how", how === undefined || how < 0 ? null : D.rules[how]], ["rows", rows ? count(rows) : null], ["mutual information", c.R[5] === null || c.R[5] === undefined ? null : plain(c.R[5])]])));
      }
      if (near.length) out.push(part("Strongest associations, in the sample", ranked(near.slice(0, 8).map(([j, measure, value]) => [C[j].n, Math.abs(value), value.toFixed(2), `${C[j].n}: ${D.pm[measure]}`, j]))));
      if (partners.length) out.push(part("Goes missing with", h("p", null, partners.slice(0, 12).map((j, k) => [k ? ", " : "", link(j, 60)]), partners.length > 12 && ` and ${partners.length - 12} more`)));
      return out;
    }
    const link = (j, n) => h("span", { class: "mltp-link", "data-c": j, tabindex: 0, role: "link" }, nameOf(j, n));

    function drifted(c) {
      if (!c.D) return null;
      const d = c.D;
      return part("Compared with before", h("p", { class: "mltp-say" }, chip(d.tone, d.status), d.note ? h("span", { class: "mltp-dim" }, ` ${d.note}`) : null), keys([["missing before", d.mb === null || d.mb === undefined ? null : percent(d.mb)], ["missing now", d.ma === null || d.ma === undefined ? null : percent(d.ma)], ...d.f.map(([k, v]) => [k, v]), ["new levels", d.nl], ["levels that are gone", d.gl]]));
    }

    function openCard(i) {
      if (i === opened) return;
      mark(opened, false);
      opened = i;
      mark(i, true);
      const c = C[i];
      const said = alertsOf[i].map((a) => { const [code, severity, , message, fix] = D.codes[a[0]]; return h("div", { class: "mltp-say" }, chip(SEVERITY[severity], SEVERITY[severity]), " ", h("code", null, code), " ", message, ".", h("p", null, h("bdi", null, a[2])), fix && h("p", { class: "mltp-dim" }, fix)); });
      const line = [c.k, c.s, c.d, c.r && `role: ${c.r}`].filter(Boolean).join(", ");
      const close = h("button", { type: "button", class: "mltp-button mltp-quiet", "aria-label": "Close", title: "Close (Esc)" }, "\u00d7");
      close.addEventListener("click", () => closeCard(true));
      const estimated = c.e ? h("p", { class: "mltp-dim" }, Object.entries(c.e).map(([k, m]) => `\u2248 ${k}: ${D.marks[m]}`).join("; ")) : null;
      const hidden = c.x ? h("p", { class: "mltp-dim" }, "Values are not shown: the column is declared or detected as personal data. Counts and shapes only.") : null;
      card.replaceChildren(...[h("header", null, h("div", null, h("h4", null, nameOf(i)), h("p", null, line), c.l && h("p", null, `The name has ${count(c.l)} characters; the first 300 are kept here.`)), close),
        part("", said), part("", hidden), drifted(c), ...(c.x ? [] : distribution(c)), ...figures(i), ...(c.x ? [] : suspects(c)), ...textShape(c), ...timeShape(c), ...relations(i), part("Estimated", estimated)].filter(Boolean));
      card.hidden = false;
      card.scrollTop = 0;
      two.dataset.card = "";
    }
    function mark(i, on) {
      const tr = rowCache.get(i);
      if (!tr) return;
      tr.toggleAttribute("data-open", on);
      find(".mltp-open", tr).setAttribute("aria-expanded", String(on));
    }
    function closeCard(back) {
      if (opened < 0) return;
      const was = opened;
      mark(opened, false);
      opened = -1;
      card.hidden = true;
      delete two.dataset.card;
      const at = order.indexOf(was);
      if (back && at >= 0) focusRow(at);
    }
    function goTo(i) {
      openTab(0);
      if (!order.includes(i)) { search.value = ""; kindBox.value = ""; alertBox.value = ""; refresh(); }
      opened = opened === i ? -1 : opened;
      focusRow(order.indexOf(i));
      openCard(i);
      if (windowed) mark(i, true);
      two.scrollIntoView({ block: "nearest" });
    }

    if (body) {
      two.append(card);
      const kinds = new Map(), codes = new Map();
      C.forEach((c) => kinds.set(c.k, (kinds.get(c.k) || 0) + 1));
      D.a.forEach((a) => { if (a[1] >= 0) { if (!codes.has(a[0])) codes.set(a[0], new Set()); codes.get(a[0]).add(a[1]); } });
      kindBox.append(h("option", { value: "" }, "every kind"), ...[...kinds].sort((a, b) => b[1] - a[1]).map(([kind, n]) => h("option", { value: kind }, `${kind} (${count(n)})`)));
      const level = (k) => worst.filter((_, i) => alertsOf[i].some((a) => D.codes[a[0]][1] === k)).length;
      alertBox.append(h("option", { value: "" }, "with or without alerts"));
      if (codes.size) {
        alertBox.append(h("option", { value: "any" }, `any alert (${count(worst.filter((w) => w < 3).length)})`), ...SEVERITY.map((word, k) => [word, level(k)]).filter((p) => p[1]).map(([word, n]) => h("option", { value: word }, `${word} (${count(n)})`)));
        alertBox.append(h("optgroup", { label: "by code" }, [...codes].map(([at, columns]) => h("option", { value: D.codes[at][0] }, `${D.codes[at][0]} ${D.codes[at][2]} (${count(columns.size)})`))));
      }
      const tools = h("div", { class: "mltp-tools", role: "search" }, search, kindBox, codes.size > 0 && alertBox, status);
      two.before(tools);
      const heads = [["column", "name"], ["kind", "kind", "mltp-x3"], ["missing", "missing", "r"], ["distinct", "distinct", "r mltp-x2"], ["distribution", "", "mltp-x4"], ["range or most frequent", "", "mltp-x1"], target && [target.head, "tells", "r mltp-x4"], ["alerts", "alerts"]];
      table.tHead.rows[0].replaceChildren(...heads.filter(Boolean).map(([text, key, cls]) => h("th", { scope: "col", "data-key": key, class: cls, title: text.length > 22 ? text : null }, key ? h("button", { type: "button", class: "mltp-sort" }, text) : text)));
      all("th[data-key]", table).forEach((th) => th.firstChild.addEventListener("click", () => sortBy(th.dataset.key)));
      scroll.tabIndex = -1;
      search.addEventListener("input", () => refresh());
      kindBox.addEventListener("change", () => refresh());
      alertBox.addEventListener("change", () => refresh());
      scroll.addEventListener("scroll", () => windowed && drawWindow(), { passive: true });
      body.addEventListener("click", (event) => {
        const tr = event.target.closest("tr[data-i]");
        if (!tr) return;
        const i = +tr.dataset.i;
        active = order.indexOf(i);
        rove();
        if (i === opened) closeCard(true);
        else { openCard(i); const now = button(i); if (now) now.focus({ preventScroll: true }); }
      });
    }

    root.addEventListener("click", (event) => {
      const go = event.target.closest(".mltp-link[data-c]");
      if (go) { event.preventDefault(); goTo(+go.dataset.c); }
    });
    all("[data-c]").forEach((node) => {
      if (node.closest(".mltp-cols")) return;
      node.classList.add("mltp-link");
      node.tabIndex = 0;
      node.setAttribute("role", "link");
    });
    root.addEventListener("keydown", (event) => {
      const at = event.target, typing = /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName);
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "/" && !typing && body) { event.preventDefault(); openTab(0); search.focus(); return; }
      if (event.key === "Escape") {
        if (at === search && search.value) { search.value = ""; refresh(); event.preventDefault(); event.stopPropagation(); return; }
        if (opened >= 0) { closeCard(true); event.preventDefault(); event.stopPropagation(); }
        return;
      }
      if (event.key === "Enter" && at.matches(".mltp-link[data-c]")) { event.preventDefault(); goTo(+at.dataset.c); return; }
      if (at === search && event.key === "ArrowDown") { event.preventDefault(); focusRow(0); return; }
      if (typing || !at.closest(".mltp-scroll") || at.closest("thead")) return;
      const page = Math.max(1, Math.floor(scroll.clientHeight / height) - 2), last = order.length - 1;
      const next = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: last }[event.key];
      if (next !== undefined) { event.preventDefault(); focusRow(next); }
    });
    // JupyterLab's one-letter shortcuts must not fire while somebody works in here. It looks at the focused element itself.
    window.addEventListener("keydown", (event) => {
      if (root.contains(event.target)) event.target.toggleAttribute("data-lm-suppress-shortcuts", !(event.ctrlKey || event.metaKey));
    }, true);

    // ---- heat map ----
    const heat = find(".mltp-heat");
    if (heat && D.m) heat.closest(".mltp-sec").drawLater = () => drawHeat(heat);
    function drawHeat(place) {
      const { i: columns, v: rows, g: group } = D.m, n = columns.length, cell = Math.max(11, Math.min(28, Math.floor(490 / n)));
      const font = Math.min(12, Math.max(9.5, cell - 1)), width = n * cell + 190, high = n * cell + 2, buckets = Array.from({ length: 11 }, () => []);
      const value = (a, b) => rows[Math.max(a, b)][Math.min(a, b)];
      for (let a = 1; a < n; a += 1) for (let b = 0; b < a; b += 1) buckets[Math.min(10, Math.ceil(value(a, b) / 10 - 0.5))].push(`M${b * cell} ${a * cell}h${cell - 1}v${cell - 1}h${1 - cell}z`);
      const svg = s("svg", { width, height: high, viewBox: `0 0 ${width} ${high}`, role: "img", tabindex: 0, "aria-label": `Associations of ${n} columns. Arrow keys read the cells; the strongest pairs are listed below.` });
      buckets.forEach((cells, k) => cells.length && svg.append(s("path", { class: k ? "mltp-on" : "mltp-off", d: cells.join(""), opacity: k ? (0.06 + 0.094 * k).toFixed(2) : null })));
      const labels = columns.map((c, a) => s("text", { x: a * cell + 4, y: a * cell + cell / 2 + font * 0.34, "font-size": font }, short(C[c].n, 26)));
      if (cell >= 22) for (let a = 1; a < n; a += 1) for (let b = 0; b < a; b += 1) if (value(a, b) >= 10) svg.append(s("text", { class: `mltp-val ${value(a, b) >= 55 ? "mltp-inv" : ""}`, x: (b + 0.5) * cell - 0.5, y: a * cell + cell / 2 + 3.5, "font-size": 9.5, "text-anchor": "middle" }, `.${String(value(a, b)).padStart(2, "0")}`.replace(".100", "1")));
      let open = 0;
      for (let a = 1; a <= n; a += 1) if (a === n || group[a] !== group[open] || group[a] < 0) {
        if (a - open > 1) { let d = `M${open * cell - 0.5} ${(open + 1) * cell - 0.5}`; for (let k = open; k < a - 1; k += 1) d += `h${cell}v${cell}`; d += `V${a * cell - 0.5}H${open * cell - 0.5}z`; svg.append(s("path", { class: "mltp-group", d })); }
        open = a;
      }
      const here = s("rect", { class: "mltp-here", width: cell, height: cell, visibility: "hidden" });
      svg.append(...labels, here);
      const read = h("p", { class: "mltp-ends", role: "status" }, "Point at a cell, or use the arrow keys.");
      const pair = new Map(D.p.map((p) => [`${Math.min(p[0], p[1])},${Math.max(p[0], p[1])}`, p]));
      let at = null;
      function show(a, b) {
        labels.forEach((label, k) => label.classList.toggle("mltp-bold", k === a || k === b));
        at = [a, b];
        here.setAttribute("visibility", "visible");
        here.setAttribute("x", b * cell - 0.5);
        here.setAttribute("y", a * cell - 0.5);
        const [x, y] = [columns[a], columns[b]], p = pair.get(`${Math.min(x, y)},${Math.max(x, y)}`);
        const rank = p ? [p[4] === null ? "" : `Pearson ${p[4].toFixed(2)}`, p[5] === null ? "" : `Spearman ${p[5].toFixed(2)}`].filter(Boolean).join(", ") : "";
        read.replaceChildren(h("span", { class: "mltp-read" }, h("bdi", null, short(C[x].n, 60)), " and ", h("bdi", null, short(C[y].n, 60)), ": ", h("b", null, p ? p[3].toFixed(2) : (value(a, b) / 100).toFixed(2)), p ? ` (${D.pm[p[2]]}${rank ? `; ${rank}` : ""})` : ""));
      }
      function cellAt(event) {
        const frame = svg.getBoundingClientRect(), a = Math.floor((event.clientY - frame.top) / cell), b = Math.floor((event.clientX - frame.left) / cell);
        return a < n && a > b && b >= 0 ? [a, b] : null;
      }
      svg.addEventListener("pointermove", (event) => { const found = cellAt(event); if (found) show(...found); });
      svg.addEventListener("click", (event) => {
        const label = labels.indexOf(event.target);
        if (label >= 0) goTo(columns[label]);
        else if (cellAt(event)) show(...cellAt(event));
      });
      svg.addEventListener("keydown", (event) => {
        const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
        if (!move) return;
        event.preventDefault();
        event.stopPropagation();
        const a = Math.max(1, Math.min(n - 1, (at ? at[0] : 1) + (at ? move[0] : 0)));
        show(a, Math.max(0, Math.min(a - 1, (at ? at[1] : 0) + (at ? move[1] : 0))));
      });
      place.replaceChildren(svg);
      place.after(read);
    }

    // ---- on paper everything is open ----
    window.addEventListener("beforeprint", () => {
      if (!root.isConnected) return;
      sections.forEach((section) => { if (section.drawLater) { const later = section.drawLater; delete section.drawLater; later(); } });
      root.printing = all("details.mltp-alert:not([open])");
      root.printing.forEach((d) => (d.open = true));
      draw(order.length <= 5000);
    });
    window.addEventListener("afterprint", () => {
      if (!root.isConnected) return;
      (root.printing || []).forEach((d) => (d.open = false));
      draw();
    });

    openTab(0);
    drawAlerts();
    if (body) refresh();
  }

  for (const root of document.querySelectorAll(".mltp:not([data-on])")) start(root);
})();
