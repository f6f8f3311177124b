(() => {
  const problems = [];
  const all = (q) => [...document.querySelectorAll(q)];
  const say = (what, e) => problems.push(what + ": " + e.outerHTML.slice(0, 140));

  // Somebody who is read the page.
  if (document.documentElement.lang !== "en") problems.push("the page has no language");
  for (const q of ["main", "header", "footer", "nav[aria-label]", "h1", "title"]) {
    if (all(q).length < 1) problems.push("there is no " + q);
  }
  if (all("h1").length !== 1 || all("main").length !== 1) problems.push("there is more than one h1 or main");
  let level = 0;
  for (const h of all("h1,h2,h3,h4,h5,h6")) {
    const n = Number(h.tagName[1]);
    if (n > level + 1) say("a level of headings is left out", h);
    level = n;
  }
  for (const t of all("table")) {
    if (!t.caption) say("a table without caption", t);
    if (t.querySelectorAll("th:not([scope])").length) say("a heading of a table without scope", t);
    for (const tr of t.tBodies[0].rows) {
      if (tr.cells.length !== t.tHead.rows[0].cells.length) say("a row of another length", tr);
      if (tr.cells[0].tagName !== "TH") say("a row without heading", tr);
    }
  }
  for (const svg of all("svg")) {
    const named = (svg.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id));
    if (svg.getAttribute("role") !== "img" || named.length < 2 || named.some((e) => !e || !e.textContent.trim())) say("a picture without name", svg);
  }
  const ids = all("[id]").map((e) => e.id);
  if (new Set(ids).size !== ids.length) problems.push("an ID is there twice: " + ids.filter((id, i) => ids.indexOf(id) !== i));
  for (const a of all("a")) {
    if (!a.textContent.trim() || !document.getElementById(decodeURIComponent(a.hash.slice(1)))) say("a link to nowhere", a);
  }
  for (const d of all("details")) {
    if (d.firstElementChild.tagName !== "SUMMARY" || !d.firstElementChild.textContent.trim()) say("something folded without a title", d);
  }
  for (const e of all(".scroll,pre")) {
    if (e.tabIndex < 0) say("what scrolls can't be reached with the keyboard", e);
  }

  // Somebody who does not see colours.
  for (const e of all(".good,.notice,.bad")) {
    if (e.tagName !== "TR" && e.tagName !== "P" && !/[✓✗!]/.test(e.textContent)) say("only the colour tells it", e);
    if (e.tagName === "TR" && !e.querySelector(".word")) say("only the colour of the row tells it", e);
  }

  // Contrast of every text that is shown: WCAG 2.2, 1.4.3.
  const rgb = (s) => s.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  for (const d of all("details")) d.open = true;
  let texts = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const e = n.parentElement;
    if (!n.textContent.trim() || e.closest("svg")) continue;
    texts++;
    const a = luminance(rgb(getComputedStyle(e).color)), b = luminance(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) say("contrast " + ratio.toFixed(2), e);
  }
  if (texts < 100) problems.push("only " + texts + " texts were looked at");

  // The stylesheet is applied, and nothing makes the page wider than the screen.
  if (getComputedStyle(document.body).maxWidth === "none") problems.push("the stylesheet is not applied");
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) {
    problems.push("the page is wider than the screen: " + document.documentElement.scrollWidth);
    for (const e of all("main *")) {
      if (!e.closest(".scroll,pre") && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1) { say("too wide", e); break; }
    }
  }
  for (const d of all("details")) d.open = false;
  return problems;
})()
