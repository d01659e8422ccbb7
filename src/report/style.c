/*
 * The style sheet of the pages: one column on a phone, two on a desk, light or dark as the reader's
 * machine says. The palette is that of Okabe and Ito (safe for colour-blind readers), darkened on
 * light ground and lightened on dark for contrast.
 */
#include "report/html.h"

const char *const html_style[] = {
    ":root{color-scheme:light dark;--bg:#f7f7f5;--card:#fff;--ink:#1b1d22;--mute:#5a606b;"
    "--line:#dfe1e5;--grid:#eceef0;--c1:#0072b2;--c2:#d55e00;--c3:#009e73;--c4:#b35a8b;"
    "--c5:#b07800;--c6:#3b8fc4;--c7:#6d6d6d;--c8:#8a6d00;--soft:#e6f0f7;--warn:#fdf0e3}",
    "@media(prefers-color-scheme:dark){:root{--bg:#121418;--card:#1a1d23;--ink:#e7e9ed;"
    "--mute:#a3a9b5;--line:#2e333c;--grid:#272b33;--c1:#56b4e9;--c2:#f28e4c;--c3:#34c79c;"
    "--c4:#e39bc3;--c5:#f0b642;--c6:#8fcbf0;--c7:#b5b5b5;--c8:#e8dc6a;--soft:#1d2f3b;"
    "--warn:#3a2a1a}}",
    "*{box-sizing:border-box}",
    "html{-webkit-text-size-adjust:100%}",
    "body{margin:0;background:var(--bg);color:var(--ink);"
    "font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica "
    "Neue\",Arial,sans-serif}",
    "main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}",
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em;"
    "overflow-wrap:anywhere}",
    "h2{font-size:1.3rem;margin:44px 0 14px;padding-top:14px;border-top:1px solid var(--line)}",
    "h3{font-size:1rem;margin:0 0 4px}",
    "p{margin:0 0 10px}",
    ".sub{color:var(--mute);margin-bottom:18px}",
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:10px;"
    "margin:0 0 18px;padding:0}",
    ".tiles div{background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:10px 14px}",
    ".tiles dt{color:var(--mute);font-size:.82rem}",
    ".tiles dd{margin:0;font-size:1.35rem;font-weight:650;font-variant-numeric:tabular-nums;"
    "overflow-wrap:anywhere}",
    ".glance{margin:0;padding-left:1.15em;max-width:75ch}.glance li{margin:3px 0}",
    "nav{margin:20px 0 0;font-size:.92rem}nav a{margin-right:14px;white-space:nowrap}",
    "a{color:var(--c1)}",
    ".grid{columns:440px 2;column-gap:16px}",
    ".card{background:var(--card);border:1px solid var(--line);border-radius:12px;"
    "margin:0 0 16px;padding:16px 18px;break-inside:avoid}",
    ".wide{column-span:all}.card:not(.wide)+.wide{margin-top:16px}",
    ".card p{color:var(--ink);font-size:.95rem;max-width:75ch}",
    ".card .note,.note{color:var(--mute);font-size:.84rem;margin:6px 0 0;max-width:80ch}",
    ".warn{background:var(--warn);border-left:4px solid var(--c2);border-radius:6px;"
    "padding:10px 14px;margin:0 0 12px;max-width:90ch}",
    "svg{display:block;width:100%;height:auto;overflow:visible}",
    ".wide svg.tall{max-width:900px}",
    "svg text{font:12px system-ui,-apple-system,\"Segoe UI\",Roboto,Arial,sans-serif;"
    "fill:var(--mute);font-variant-numeric:tabular-nums}",
    "svg text.title{fill:var(--ink)}svg text.strong{fill:var(--ink);font-weight:600}",
    ".gridline{stroke:var(--grid)}.axis{stroke:var(--mute)}",
    ".c1{fill:var(--c1);stroke:var(--c1)}.c2{fill:var(--c2);stroke:var(--c2)}",
    ".c3{fill:var(--c3);stroke:var(--c3)}.c4{fill:var(--c4);stroke:var(--c4)}",
    ".c5{fill:var(--c5);stroke:var(--c5)}.c6{fill:var(--c6);stroke:var(--c6)}",
    ".c7{fill:var(--c7);stroke:var(--c7)}.c8{fill:var(--c8);stroke:var(--c8)}",
    "svg text.c1,svg text.c2,svg text.c3{stroke:none}svg text.c1{fill:var(--c1)}",
    "svg text.c2{fill:var(--c2)}svg text.c3{fill:var(--c3)}",
    "rect{stroke:none!important}rect:hover,circle:hover{filter:brightness(1.2)}",
    ".cloud circle{stroke:none;fill-opacity:.4}.cloud circle:hover{fill-opacity:1}",
    ".line{fill:none;stroke-width:2;stroke-linejoin:round}.area{stroke:none;fill-opacity:.16}",
    ".thin{stroke-width:1.5}.thick{stroke-width:3;stroke-linecap:round}",
    ".dash{stroke-dasharray:4 4;fill:none}",
    ".hit{fill:transparent;stroke:none}.box{fill:var(--soft)}",
    ".scroll{overflow-x:auto;margin:8px 0 0}",
    ".scroll:focus-visible{outline:2px solid var(--c1);outline-offset:2px}",
    "table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}",
    "th,td{text-align:left;padding:5px 12px 5px 0;border-bottom:1px solid var(--line);"
    "vertical-align:top}",
    "th{color:var(--mute);font-weight:600;white-space:nowrap}",
    "td.n,th.n{text-align:right;white-space:nowrap}",
    "td.t{min-width:9em;overflow-wrap:anywhere}",
    "tr:last-child td{border-bottom:0}",
    "td b{font-weight:700}",
    ".ci{color:var(--mute);font-size:.84em;white-space:nowrap}",
    ".bar{display:inline-block;height:.7em;border-radius:2px;background:var(--c1);"
    "vertical-align:baseline;min-width:1px}",
    "td.bars{width:32%;min-width:90px}",
    ".key{display:inline-block;margin-right:14px;white-space:nowrap}",
    ".key svg{display:inline-block;width:12px;height:12px;margin-right:5px;vertical-align:-1px}",
    "dl.def{margin:0;font-size:.9rem}dl.def dt{font-weight:600;margin-top:8px}",
    "dl.def dd{margin:0;color:var(--mute);max-width:80ch}",
    "code{font-size:.92em;overflow-wrap:anywhere}",
    "footer{color:var(--mute);font-size:.84rem;margin-top:44px;padding-top:14px;"
    "border-top:1px solid var(--line)}",
    ".long svg{min-width:720px}.long svg+svg{margin-top:14px}",
    "@media(max-width:560px){main{padding:20px 12px 40px}h1{font-size:1.5rem}"
    ".card{padding:12px 12px}.tiles{grid-template-columns:repeat(2,1fr)}"
    ".tiles dd{font-size:1.15rem}svg text{font-size:15px}.grid{columns:auto}}",
    "@media print{body{background:#fff}.card{break-inside:avoid}nav{display:none}}",
    NULL};
