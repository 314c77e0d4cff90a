// The start page: follows /v1/stream and shows it. No library, nothing from outside.
"use strict";

const maps = { network: null, site: new Map(), lane: new Map(), vehicle: new Map(), device: new Map(),
  sku: new Map(), shipment: new Map(), alert: new Map() };
const ids = { site: "site", lane: "lane", vehicle: "vehicle", device: "device", sku: "sku", shipment: "shipment", alert: "id" };
const ranks = { critical: 0, watch: 1, info: 2 };
const ROWS_MAX = 200, ALERTS_MAX = 100;
const $ = (id) => document.getElementById(id);
let readings = 0, perSecond = 0, dirty = true, view = null;

function element(tag, text, className) {
  const it = document.createElement(tag);
  if (text !== undefined) it.textContent = text;
  if (className) it.className = className;
  return it;
}
const number = (n) => n.toLocaleString("en").replaceAll(",", "\u202f");

function takeSnapshot(snapshot) {
  maps.network = snapshot.network;
  const lists = { site: "sites", lane: "lanes", vehicle: "vehicles", device: "devices", sku: "skus",
    shipment: "shipments", alert: "alerts" };
  for (const [kind, list] of Object.entries(lists))
    maps[kind] = new Map(snapshot[list].map((one) => [one[ids[kind]], one]));
  view = null;
  dirty = true;
}

function takeDelta(delta) {
  for (const change of delta.changes) {
    const [kind, one] = Object.entries(change)[0];
    if (kind === "network") maps.network = one;
    else if (kind === "reading") readings += 1;
    else if (kind === "alert" && one.state === "cleared") maps.alert.delete(one.id);
    else if (kind === "shipment" && one.state === "arrived") maps.shipment.delete(one.shipment);
    else if (ids[kind]) {
      if ((kind === "site" || kind === "lane") && !maps[kind].has(one[ids[kind]])) view = null;
      maps[kind].set(one[ids[kind]], one);
    }
  }
  dirty = true;
}

function worstBySite() {
  const worst = new Map();
  for (const alert of maps.alert.values()) {
    if (!alert.site || alert.state !== "open") continue;
    const known = worst.get(alert.site);
    if (known === undefined || ranks[alert.severity] < ranks[known]) worst.set(alert.site, alert.severity);
  }
  return worst;
}

function showFigures() {
  let onHand = 0, low = 0, out = 0;
  for (const site of maps.site.values()) {
    onHand += site.stock.on_hand; low += site.stock.below_reorder_point; out += site.stock.out_of_stock;
  }
  const figures = [["sites", maps.site.size], ["lanes", maps.lane.size], ["vehicles", maps.vehicle.size],
    ["devices", maps.device.size], ["shipments under way", maps.shipment.size], ["pieces on hand", onHand],
    ["positions to reorder", low], ["out of stock", out], ["readings a second", perSecond]];
  $("figures").replaceChildren(...figures.map(([name, n]) => {
    const box = element("div", name);
    box.prepend(element("b", number(n)));
    return box;
  }));
  $("network").textContent = maps.network ? maps.network.name || maps.network.tenant : "";
}

const siteName = (id) => maps.site.get(id)?.name || id;

// An alert's subject is one object named after its rule: {"runs_out": {"site": …, "sku": …}}.
function subjectOf(alert) {
  const { device, metric, sku, vehicle, shipment } = Object.values(alert.subject)[0];
  return [device ?? sku ?? vehicle ?? shipment, metric].filter(Boolean).join(" ");
}

function showAlerts() {
  const order = (a, b) => (a.state === "acknowledged") - (b.state === "acknowledged")
    || ranks[a.severity] - ranks[b.severity] || b.id - a.id;
  const alerts = [...maps.alert.values()].sort(order);
  $("n-alerts").textContent = alerts.length ? number(alerts.length) : "none open";
  $("alerts").replaceChildren(...alerts.slice(0, ALERTS_MAX).map((alert) => {
    const item = element("li", "", `${alert.severity} ${alert.state}`);
    item.append(element("b", subjectOf(alert)), `: ${alert.message}`);
    const when = alert.raised_at.slice(0, 16).replace("T", " ");
    const who = alert.acknowledged_by ? ` · seen by ${alert.acknowledged_by}` : "";
    item.append(element("small", `${alert.site ? `${siteName(alert.site)} · ` : ""}since ${when} UTC${who}`));
    return item;
  }));
}

function showSites() {
  const text = $("filter").value.trim().toLowerCase();
  const fits = (site) => !text || `${site.site} ${site.name} ${site.name_zh ?? ""} ${site.kind}`.toLowerCase().includes(text);
  const order = (a, b) => b.open_alerts - a.open_alerts || b.stock.below_reorder_point - a.stock.below_reorder_point
    || b.stock.on_hand - a.stock.on_hand || (a.site < b.site ? -1 : 1);
  const sites = [...maps.site.values()].filter(fits).sort(order);
  $("n-sites").textContent = sites.length > ROWS_MAX ? `${ROWS_MAX} of ${number(sites.length)}` : number(sites.length);
  $("sites").replaceChildren(...sites.slice(0, ROWS_MAX).map((site) => {
    const row = element("tr"), name = element("td"), link = element("a", site.name || site.site);
    link.href = `/v1/sites/${site.site}/stock`;
    name.append(link, element("small", site.site));
    const cell = (n, hot) => element("td", number(n), hot && n > 0 ? "n hot" : "n");
    const { on_hand, in_transit, below_reorder_point, out_of_stock } = site.stock;
    row.append(name, element("td", site.kind.replaceAll("_", " ")), cell(on_hand), cell(in_transit),
      cell(below_reorder_point, true), cell(out_of_stock, true), cell(site.open_alerts, true));
    return row;
  }));
}

// The map: equirectangular, fitted to the sites. A lane that crosses the date line is drawn on the shorter side.
function fit(width, height) {
  let [west, east, south, north] = [180, -180, 90, -90];
  const places = [...maps.site.values()].map((site) => site.position);
  for (const lane of maps.lane.values()) places.push(...lane.via);
  for (const position of places) {
    west = Math.min(west, position.lon); east = Math.max(east, position.lon);
    south = Math.min(south, position.lat); north = Math.max(north, position.lat);
  }
  if (west > east) return null;
  const squeeze = Math.cos((south + north) / 2 * Math.PI / 180);
  const scale = Math.min(width * 0.92 / Math.max((east - west) * squeeze, 0.5), height * 0.88 / Math.max(north - south, 0.5));
  const [x0, y0] = [width / 2 - (west + east) / 2 * squeeze * scale, height / 2 + (south + north) / 2 * scale];
  return { width, height, at: ({ lat, lon }) => [x0 + lon * squeeze * scale, y0 - lat * scale] };
}

function showMap() {
  const canvas = $("map"), ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    view = null;
  }
  view ??= fit(width, height);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  if (!view) return;
  const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
  pen.lineWidth = 1;
  for (const lane of maps.lane.values()) {
    const [from, to] = [maps.site.get(lane.from), maps.site.get(lane.to)];
    if (!from || !to || lane.mode === "internal") continue;
    const points = [from.position, ...lane.via, to.position];
    pen.strokeStyle = colour(lane.mode === "sea" || lane.mode === "barge" ? "--info" : "--soft");
    pen.globalAlpha = lane.mode === "road" ? 0.18 : 0.5;
    pen.setLineDash(lane.mode === "air" ? [4, 4] : []);
    pen.beginPath();
    points.forEach((point, n) => {
      const [x, y] = view.at(point);
      if (n === 0 || Math.abs(point.lon - points[n - 1].lon) > 180) pen.moveTo(x, y); else pen.lineTo(x, y);
    });
    pen.stroke();
  }
  pen.setLineDash([]);
  pen.globalAlpha = 1;
  const worst = worstBySite();
  const rank = (site) => -(ranks[worst.get(site.site)] ?? 3);
  for (const site of [...maps.site.values()].sort((a, b) => rank(a) - rank(b))) {
    const [x, y] = view.at(site.position), severity = worst.get(site.site);
    const size = site.kind === "customer" || site.kind === "shop" ? 2 : site.kind === "central_warehouse" ? 6 : 4;
    pen.fillStyle = colour(severity === "critical" ? "--critical" : severity === "watch" ? "--watch" : "--ok");
    pen.beginPath();
    const corners = severity === "critical" ? 6 : severity === "watch" ? 3 : 0, r = size + (corners ? 2 : 0);
    if (corners === 0) pen.arc(x, y, size, 0, 7);
    for (let n = 0; n < corners; n++) pen.lineTo(x + r * Math.sin(n * 2 * Math.PI / corners), y - r * Math.cos(n * 2 * Math.PI / corners));
    pen.fill();
  }
  pen.strokeStyle = colour("--card");
  pen.fillStyle = colour("--info");
  for (const { position, site } of maps.vehicle.values()) {
    if (!position || site) continue;
    const [x, y] = view.at(position);
    pen.beginPath();
    pen.moveTo(x, y - 6); pen.lineTo(x + 5, y); pen.lineTo(x, y + 6); pen.lineTo(x - 5, y);
    pen.closePath(); pen.fill(); pen.stroke();
  }
}

function show() {
  if (!dirty || document.hidden) return;
  dirty = false;
  showFigures(); showAlerts(); showSites(); showMap();
}

function link(text, on) {
  $("link").textContent = text;
  $("link").className = on ? "on" : "off";
}

const source = new EventSource("/v1/stream?stock=none");
source.addEventListener("open", () => link("live", true));
source.addEventListener("error", () => link("connection lost, trying again", false));
source.addEventListener("snapshot", (event) => { takeSnapshot(JSON.parse(event.data)); show(); });
source.addEventListener("delta", (event) => takeDelta(JSON.parse(event.data)));
$("filter").addEventListener("input", showSites);
window.addEventListener("resize", () => { dirty = true; });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { dirty = true; });
setInterval(show, 500);
setInterval(() => {
  if (perSecond !== readings) dirty = true;
  [perSecond, readings] = [readings, 0];
}, 1000);
