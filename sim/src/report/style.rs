//! How a report looks: on screen by day and by night, and on paper.

/// Colours are those of Okabe and Ito, which most people with colour blindness can tell apart.
pub(super) const STYLE: &str = "
:root{--ink:#1a1d21;--soft:#5a6470;--line:#d5dae0;--paper:#fff;--raised:#f6f7f9;--better:#009e73;--worse:#d55e00;--changed:#0072b2;--unclear:#7d8791;--shade:#f3dfae;--c0:#5a6470;--c1:#0072b2;--c2:#c9860a;--c3:#b5528c;--c4:#2f93c9;--c5:#7a5a1e;--c6:#6a4fb3;--c7:#8f8600}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#a3adb8;--line:#3a424c;--paper:#14181d;--raised:#1d232a;--better:#1fc496;--worse:#f0803c;--changed:#5ab4e8;--unclear:#8f99a3;--shade:#4a3f20;--c0:#a3adb8;--c1:#4fa8e0;--c2:#e69f00;--c3:#dc8fbd;--c4:#7fd0f5;--c5:#c8a464;--c6:#ab97ea;--c7:#e0d44a}}
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif}
main{max-width:1120px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:28px;line-height:1.25;margin:0 0 4px}
h2{font-size:20px;margin:44px 0 4px;padding-top:12px;border-top:1px solid var(--line)}
h3{font-size:16px;margin:24px 0 4px}
p{margin:4px 0 12px;max-width:80ch}
.soft,.note{color:var(--soft)}
.note{font-size:13.5px;max-width:110ch}
.part{display:inline-block}p.full{max-width:none}
.cards{max-width:none;display:grid;gap:12px;margin:12px 0;padding:0;list-style:none}
.cards li{background:var(--raised);border-left:4px solid currentColor;border-radius:4px;padding:10px 16px}
.cards li>*{color:var(--ink);margin:0;max-width:none}
.cards h3{display:flex;align-items:center;gap:8px;font-size:15px}
.cards .story{color:var(--soft);font-size:13.5px}
.key{width:14px;height:14px;flex:none;overflow:visible}.key.inline{display:inline-block;vertical-align:-2px}
.scroll{overflow-x:auto;margin:8px 0 12px}
table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:0 0 4px}
th,td{text-align:left;padding:5px 14px 5px 0;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{vertical-align:bottom;border-bottom:2px solid var(--soft);font-weight:600}
tbody th{font-weight:400;min-width:9em}
th.group{font-weight:600;padding-top:14px;color:var(--soft)}
.n{text-align:right;white-space:nowrap}
thead th.n{white-space:normal;max-width:16em}
.full{width:100%}
.d{display:block;color:var(--soft)}
.m{font-weight:700;font-size:1.1em}
.better .m,.m.better{color:var(--better)}.worse .m,.m.worse{color:var(--worse)}.changed .m{color:var(--changed)}.unclear .m{color:var(--unclear)}
.d.better,.d.worse,.d.changed{color:var(--ink)}
svg{display:block;width:100%;height:auto}
svg text{font:11px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif;fill:var(--soft)}
svg .panel{font-size:12.5px;font-weight:600;fill:var(--ink)}
svg .point{font-size:12.5px;fill:var(--ink)}
svg .label{font-size:12.5px}
.grid{stroke:var(--line);stroke-width:1;fill:none}
.axis,.leader{stroke:var(--soft);stroke-width:1;fill:none}
.leader{stroke-width:.7;stroke-dasharray:2 2}
.bar{stroke:currentColor;stroke-width:1.8;fill:none}
.curve{stroke:currentColor;stroke-width:1.7;fill:none;stroke-linejoin:round}
.dashed{stroke-dasharray:5 3;stroke-width:1.3}
.band{fill:currentColor;opacity:.2}
.mark{fill:currentColor;stroke:var(--paper);stroke-width:1}
.hollow{fill:var(--paper);stroke:currentColor;stroke-width:1.6}
.shade{fill:var(--shade);opacity:.6}
.c0{color:var(--c0)}.c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}.c4{color:var(--c4)}.c5{color:var(--c5)}.c6{color:var(--c6)}.c7{color:var(--c7)}
svg .better{color:var(--better)}svg .worse{color:var(--worse)}svg .changed{color:var(--changed)}svg .unclear{color:var(--unclear)}
.wide{max-width:820px;margin:8px 0}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr));gap:14px 20px;margin:4px 0 12px}
.panels.broad{grid-template-columns:repeat(auto-fill,minmax(440px,1fr))}
ul:not(.cards){margin:4px 0 12px;padding-left:20px;max-width:85ch}
li{margin:3px 0}
footer{margin-top:40px;border-top:1px solid var(--line);padding-top:8px}
@media(max-width:520px){main{padding:20px 12px}.panels,.panels.broad{grid-template-columns:1fr}}
@media print{main{max-width:none;padding:0}body{font-size:10.5pt}table{font-size:8pt}th,td{padding-right:7px}.n{white-space:normal}tbody th{min-width:0}.scroll{overflow:visible}h2,h3,caption{break-after:avoid}tr,svg,.cards li{break-inside:avoid}.panels{grid-template-columns:repeat(3,1fr)}.panels.broad{grid-template-columns:repeat(2,1fr)}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
@page{margin:14mm}
";
