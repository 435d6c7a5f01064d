"""The styles of a timeline: in a page's colours, or JupyterLab's, or colours that work on white and on black."""

STYLE = """
.tl { margin: 0; container-type: inline-size; font-size: var(--small, 14px); }
.tl > svg { display: block; overflow: hidden; margin: .6rem 0 .3rem; }
.tl figcaption { font-weight: 600; }
.tl figcaption span { font-weight: 400; color: var(--muted, inherit); white-space: nowrap; }
.tl text { font: var(--tiny, 12px) system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.tl text { fill: var(--ink, currentColor); font-variant-numeric: tabular-nums; }
.tl text.tl-soft, .tl .tl-soft { fill: var(--muted, currentColor); }
.tl text.tl-bad { fill: var(--fail, var(--jp-error-color1, #c4392b)); font-weight: 650; }
.tl text:is(.tl-label, .tl-bad, .tl-sign) { paint-order: stroke; stroke-width: 4px; stroke-linejoin: round; }
.tl text:is(.tl-label, .tl-bad, .tl-sign) { stroke: var(--card, var(--jp-layout-color0, #fff)); }
.tl .tl-name { font-weight: 600; }
.tl .tl-sign { font-size: var(--text, 15px); font-weight: 800; fill: currentColor; }
.tl .tl-sign { color: var(--fail, var(--jp-error-color1, #c4392b)); }
.tl-grid { stroke: var(--line, #8884); }
.tl-whole { fill: var(--muted, #76828f); }
.tl-wait { fill: var(--lock-wait, #76828f); stroke: var(--lock-wait, #76828f); }
.tl-merge { fill: var(--merge, #4c78a8); stroke: var(--merge, #4c78a8); }
.tl-check { fill: var(--validation, #2f8577); stroke: var(--validation, #2f8577); }
.tl-clean { fill: var(--cleanup, #9a6fb0); stroke: var(--cleanup, #9a6fb0); }
.tl-several { fill: var(--none, #76828f); }
.tl-hold { fill: var(--lock-held, #b0750f); stroke: var(--lock-held, #b0750f); }
.tl-free { fill: var(--line, #8886); }
.tl rect.tl-open { fill: none; stroke-dasharray: 5 3; stroke-width: 1.5px; }
.tl-band { pointer-events: none; stroke: var(--fail, var(--jp-error-color1, #c4392b)); }
.tl-hatch { stroke: var(--fail, var(--jp-error-color1, #c4392b)); stroke-width: 1.4px; }
.tl-under { stroke: var(--card, var(--jp-layout-color0, #fff)); stroke-width: 3.2px; }
.tl-lead { stroke: var(--fail, var(--jp-error-color1, #c4392b)); }
.tl-zoom { fill: none; stroke: var(--ink, currentColor); stroke-width: 1.5px; }
.tl-mark { stroke: var(--ink, currentColor); stroke-width: 1.5px; }
.tl ul { list-style: none; margin: .3rem 0 0; font-size: var(--tiny, 12px); color: var(--muted, inherit); }
.tl.tl :is(ul, li) { padding: 0; margin-left: 0; }
.tl-key { display: flex; flex-wrap: wrap; gap: .15rem 1rem; }
.tl-key li { display: flex; align-items: center; gap: .4rem; }
.tl p { margin: .4rem 0 0; font-size: var(--tiny, 12px); color: var(--muted, inherit); }
.tl details { margin-top: .4rem; }
.tl summary { cursor: pointer; width: fit-content; color: var(--muted, inherit); font-size: var(--tiny, 12px); }
.tl-table { overflow: auto; max-height: 14rem; }
.tl-table :is(th, td) { white-space: nowrap; text-align: left; padding: .1rem .9rem .1rem 0; }
@container (max-width: 36rem) { .tl-fine { display: none; } }
@media print { .tl-table { max-height: none; } .tl * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
