/** The pages' style sheet. Colours come in pairs, for light and dark. */

export const STYLE = /* css */ `
:root {
  color-scheme: light dark;
  --paper: light-dark(#fcfcfa, #15181c);
  --raised: light-dark(#f3f3ef, #1d2126);
  --ink: light-dark(#1c2127, #e4e8ec);
  --quiet: light-dark(#565f69, #a3acb6);
  --rule: light-dark(#dcdcd5, #333a42);
  --edge: light-dark(#848a8f, #767f89);
  --link: light-dark(#17559c, #86b9f4);
  --good: light-dark(#1a6b3c, #6fce97);
  --bad: light-dark(#a8261d, #ff978c);
  --warn: light-dark(#7a5200, #e8bd62);
  --predicted: light-dark(#ece6f6, #2a2438);
  --c1: light-dark(#1f62ab, #72aef2);
  --c2: light-dark(#b8510d, #f0a161);
  --c3: light-dark(#0c7a58, #58cda0);
  --c4: light-dark(#8a3d9e, #d39ae6);
  --c5: light-dark(#b02a40, #ff8f9b);
  --c6: light-dark(#0d7286, #5cc9dc);
  --c7: light-dark(#6c6a08, #cfca5c);
  --c8: light-dark(#5c6570, #aab3bd);
  --on: light-dark(#ffffff, #101317);
}
:root[data-theme='light'] { color-scheme: light; }
:root[data-theme='dark'] { color-scheme: dark; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0 auto; max-width: 78rem; padding: 0 clamp(1rem, 3vw, 2.5rem) 3rem;
  background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif;
  font-variant-numeric: tabular-nums lining-nums;
}
a { color: var(--link); text-underline-offset: 0.15em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
main:focus { outline: none; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 0.5rem; padding: 0.4rem 0.8rem; background: var(--paper); z-index: 2; }
header { padding-top: 2rem; }
.head { display: flex; gap: 1rem; align-items: flex-start; justify-content: space-between; }
h1 { margin: 0; font-size: clamp(1.35rem, 1rem + 1.4vw, 1.9rem); line-height: 1.2; font-weight: 650; letter-spacing: -0.012em; overflow-wrap: anywhere; text-wrap: balance; }
h2 { margin: 0 0 0.7rem; font-size: 1.2rem; line-height: 1.3; font-weight: 650; letter-spacing: -0.005em; }
h3 { margin: 0 0 0.25rem; font-size: 0.95rem; font-weight: 600; }
h3 small { font-weight: 400; }
header p { max-width: 110ch; }
p { margin: 0 0 0.6rem; max-width: 75ch; overflow-wrap: anywhere; }
.quiet, small, footer { color: var(--quiet); font-size: 0.87rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin: 1rem 0 0; padding: 0.55rem 0; list-style: none; border-block: 1px solid var(--rule); font-size: 0.87rem; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
section { margin-top: 2.4rem; scroll-margin-top: 1rem; }
section > :last-child { margin-bottom: 0; }
footer { margin-top: 3rem; padding-top: 0.8rem; border-top: 1px solid var(--rule); }
button, select, input { font: inherit; color: inherit; }
button { cursor: pointer; }
#theme { flex: none; padding: 0.2rem 0.8rem; border: 1px solid var(--edge); border-radius: 999px; background: none; font-size: 0.87rem; }
#theme:hover { background: var(--raised); }
.verdict { margin: 0.5rem 0 0; font-weight: 600; overflow-wrap: anywhere; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.warn { color: var(--warn); }
.notes { margin: 0.8rem 0 0; padding: 0.5rem 0.9rem; border-left: 3px solid var(--warn); background: var(--raised); list-style: none; }
.notes li { overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.4rem, 1fr)); gap: 1rem 1.4rem; margin: 0; }
.figures > div { border-top: 2px solid var(--ink); padding-top: 0.4rem; }
.figures dt { color: var(--quiet); font-size: 0.82rem; }
.figures dd { margin: 0; font-size: 1.45rem; line-height: 1.25; font-weight: 600; letter-spacing: -0.015em; white-space: nowrap; }
.figures small { font-weight: 400; letter-spacing: 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 0 2.5rem; margin: 0; font-size: 0.87rem; }
.facts > div { display: flex; gap: 1rem; justify-content: space-between; padding: 0.2rem 0; border-bottom: 1px solid var(--rule); }
.facts dt { color: var(--quiet); overflow-wrap: anywhere; }
.facts dd { margin: 0; text-align: right; overflow-wrap: anywhere; min-width: 0; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 2rem 2.5rem; align-items: start; }
.grid > * { min-width: 0; }
.gap { margin-top: 1.6rem; }

.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: 0.87rem; line-height: 1.4; min-width: min(100%, 30rem); }
table.wide, .fill table { width: 100%; }
caption { padding: 0 0 0.35rem; text-align: left; color: var(--quiet); caption-side: top; }
caption span { display: block; max-width: min(90ch, calc(100vw - 2.2rem)); }
th, td { padding: 0.22rem 0.7rem; text-align: left; vertical-align: baseline; font-weight: 400; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0.2rem; }
thead th { color: var(--quiet); border-bottom: 1px solid var(--edge); vertical-align: bottom; font-size: 0.95em; font-family: inherit; }
tbody tr { border-bottom: 1px solid var(--rule); }
tbody tr:hover { background: var(--raised); }
.number { text-align: right; white-space: nowrap; }
thead th.number, thead th.text { white-space: normal; max-width: 9.5rem; }
.code, code, pre { font-family: ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', monospace; font-size: 0.92em; }
td.code, th.code, .name { white-space: nowrap; }
.wordy { min-width: 15rem; overflow-wrap: anywhere; }
td.bar { min-width: 8rem; width: 30%; vertical-align: top; }
.bar svg, svg.bar { display: block; width: 100%; height: 0.75rem; margin-top: 0.22rem; }
svg.stacked { height: 1.25rem; margin-top: 0; }
.stacked text { fill: var(--on); font-size: 11px; font-weight: 600; text-anchor: middle; }
.part { stroke: var(--paper); stroke-width: 1px; }
.f1 { fill: var(--c1); } .f2 { fill: var(--c2); } .f3 { fill: var(--c3); } .f4 { fill: var(--c4); }
.f5 { fill: var(--c5); } .f6 { fill: var(--c6); } .f7 { fill: var(--c7); } .f8 { fill: var(--c8); }
button.sort { padding: 0; border: 0; background: none; text-align: inherit; text-decoration: underline dotted; text-underline-offset: 0.2em; }
button.sort::after { content: ' \\2195'; opacity: 0.55; }
[aria-sort='ascending'] > button.sort::after { content: ' \\2191'; opacity: 1; }
[aria-sort='descending'] > button.sort::after { content: ' \\2193'; opacity: 1; }
[aria-sort='ascending'], [aria-sort='descending'] { color: var(--ink); font-weight: 600; }
.heat td { border: 1px solid var(--paper); text-align: right; min-width: 4.5rem; }
.heat tbody tr:hover { background: none; }
.h0 { background: light-dark(#eef3f9, #1c232c); } .h1 { background: light-dark(#dfe9f4, #1f2c3a); }
.h2 { background: light-dark(#cfdff0, #223548); } .h3 { background: light-dark(#bdd4eb, #253e57); }
.h4 { background: light-dark(#aac8e6, #294867); } .h5 { background: light-dark(#95bbe0, #2e5377); }
.h6 { background: light-dark(#3f78b5, #86b4e3); } .h7 { background: light-dark(#2f68a6, #98c0e9); }
.h8 { background: light-dark(#215893, #abcdef); } .h9 { background: light-dark(#17487d, #c0daf5); }
.h6, .h7, .h8, .h9 { color: var(--on); }

.chart { margin: 0; min-width: 0; }
.chart figcaption { margin-bottom: 0.3rem; }
.chart figcaption p { margin: 0; }
.plot { width: 100%; min-height: 15rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0.1rem 1.1rem; margin: 0.2rem 0 0; padding: 0; list-style: none; font-size: 0.87rem; }
.legend li { display: flex; align-items: center; gap: 0.5rem; }
.legend button { display: flex; align-items: center; gap: 0.4rem; padding: 0.1rem 0.2rem; border: 0; background: none; text-align: left; overflow-wrap: anywhere; }
.legend button:hover { text-decoration: underline; }
.legend button[aria-pressed='false'] { text-decoration: line-through; color: var(--quiet); }
.legend svg { flex: none; width: 26px; height: 10px; }
.legend line { stroke-width: 2.5; }
.legend output { color: var(--quiet); white-space: nowrap; }
.keys { margin: 0 0 0.6rem; }
.keys li { overflow-wrap: anywhere; }
.keys b { display: inline-block; min-width: 1.35em; padding: 0 0.3em; text-align: center; color: var(--on); font-weight: 600; font-size: 0.8rem; }
.b1 { background: var(--c1); } .b2 { background: var(--c2); } .b3 { background: var(--c3); } .b4 { background: var(--c4); }
.b5 { background: var(--c5); } .b6 { background: var(--c6); } .b7 { background: var(--c7); } .b8 { background: var(--c8); }
.s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); } .s3 { stroke: var(--c3); } .s4 { stroke: var(--c4); }
.s5 { stroke: var(--c5); } .s6 { stroke: var(--c6); } .s7 { stroke: var(--c7); } .s8 { stroke: var(--c8); }
.read { display: flex; flex-wrap: wrap; align-items: center; gap: 0.2rem 0.6rem; margin-top: 0.2rem; font-size: 0.87rem; color: var(--quiet); }
.read input { width: min(14rem, 40vw); accent-color: var(--link); margin: 0; }
details { margin-top: 0.4rem; font-size: 0.87rem; }
details table { font-size: 1em; }
summary { cursor: pointer; color: var(--link); width: fit-content; }
details[open] > summary { margin-bottom: 0.5rem; }
details .scroll { max-height: 24rem; overflow-y: auto; }
.controls { display: flex; flex-wrap: wrap; gap: 0.6rem 1.4rem; margin: 0 0 1rem; padding: 0; border: 0; }
.controls > div { min-width: 0; }
.controls label { display: block; font-size: 0.82rem; color: var(--quiet); }
.controls select { padding: 0.25rem 0.4rem; border: 1px solid var(--edge); border-radius: 4px; background: var(--paper); color: var(--ink); font-size: 0.87rem; max-width: min(22rem, 88vw); }
pre { margin: 0; padding: 0.7rem 0.9rem; background: var(--raised); overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.84rem; line-height: 1.5; }
pre.said { white-space: pre; }
.badge { display: inline-block; padding: 0 0.5em; border: 1px solid currentColor; border-radius: 3px; font-size: 0.78rem; font-weight: 650; letter-spacing: 0.03em; }
.predicted { color: light-dark(#5b3a91, #c9b1f2); }
.prediction .plot { background: none; }

.strip { margin: 0 0 1.1rem; }
.strip h3 { font-weight: 600; }
.strip > svg { display: block; width: 100%; height: 4.6rem; overflow: visible; }
.strip text { font-size: 12px; fill: var(--quiet); }
.strip .mid { stroke: var(--ink); stroke-width: 2px; }
.strip .midtext { fill: var(--ink); font-weight: 600; }
.young { fill: light-dark(#c5daf0, #2a4c70); } .oldpart { fill: light-dark(#ead9bf, #5a4526); }
.dirtypart { fill: light-dark(#a8261d, #ff978c); } .lruedge { fill: none; stroke: var(--edge); stroke-width: 1px; }
.swatches { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; margin: 0 0 0.8rem; padding: 0; list-style: none; font-size: 0.87rem; }
.swatches svg { width: 1.1rem; height: 0.8rem; margin-right: 0.4rem; vertical-align: -0.05rem; }
.graph { display: block; font-size: 12px; }
.graph rect { fill: var(--raised); stroke: var(--edge); }
.graph rect.latch { fill: var(--paper); stroke: var(--c2); stroke-width: 1.5px; }
.graph rect.cycle { stroke: var(--bad); stroke-width: 2px; }
.graph text { fill: var(--ink); } .graph .sub { fill: var(--quiet); font-size: 11px; }
.graph path { fill: none; stroke: var(--edge); stroke-width: 1.3px; }
.graph .arrow { fill: var(--edge); stroke: none; }

@media (max-width: 40rem) {
  body { font-size: 14.5px; }
  .figures { grid-template-columns: repeat(auto-fit, minmax(6rem, 1fr)); gap: 0.8rem 1rem; }
  .figures dd { font-size: 1.2rem; }
  th, td { padding-inline: 0.45rem; }
  td.bar { min-width: 6rem; }
}
@media print {
  :root, :root[data-theme] { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav, #theme, .skip, .read, .controls, details:not([open]) { display: none; }
  section, figure, tr { break-inside: avoid; }
  section:has(table) { break-inside: auto; }
  h2, caption { break-after: avoid; }
  .scroll { overflow: visible; max-height: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
