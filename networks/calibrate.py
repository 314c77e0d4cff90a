#!/usr/bin/env python3
"""Makes the demo network in `demo/` from the real orders, the gazetteer and `catalogue.py`.

    python3 networks/calibrate.py --data ../shared/data

Plain Python, no packages. The same inputs give the same bytes. It prints what it measured in the real orders
beside what the demo network has; `demo/README.md` says what the numbers mean.
"""

import argparse
import collections
import csv
import datetime
import gzip
import heapq
import json
import math
import pathlib
import random
import sys

sys.dont_write_bytecode = True  # before the next line
import catalogue as cat

N_CUSTOMERS = 300
N_SHOPS = 60  # of the customers: our own shops, whose stock we keep
SKUS_PER_SHOP = 40
LINES_QUANTITY_MAX = 1_500  # the 99.99 % point: above it stand two cancelled misprints and a few pallets
SERVICE_Z = 1.645  # 95 %
DAY = 86_400


# ---- the real orders -------------------------------------------------------------------------------------

def read_orders(path):
    """Every order line with a positive quantity: time, customer, country, SKU, pieces; and how many were returns."""
    lines, returns = [], 0
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            quantity = int(row["quantity"])
            if quantity <= 0:
                returns += 1
                continue
            at = datetime.datetime.strptime(row["ordered_at"], "%Y-%m-%dT%H:%MZ")
            lines.append((at, row["customer"], row["country"], row["sku"], quantity))
    return lines, returns


def permille(counts):
    """Whole factors that average to 1000."""
    total, n = sum(counts), len(counts)
    exact = [count * 1000 * n / total for count in counts]
    whole = [math.floor(x) for x in exact]
    short = 1000 * n - sum(whole)
    for i in sorted(range(n), key=lambda i: (whole[i] - exact[i], i))[:short]:
        whole[i] += 1
    return whole


def seasonality(lines):
    """Factors by weekday, month and hour, from the lines of one whole year.

    Months are put on equal length first, so that February is not weak for being short.
    """
    year = [line for line in lines if line[0] < datetime.datetime(2011, 12, 1)]
    weekday, month, hour, days = [0] * 7, [0] * 12, [0] * 24, collections.defaultdict(set)
    for at, *_ in year:
        weekday[at.weekday()] += 1
        month[at.month - 1] += 1
        hour[at.hour] += 1
    lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return permille(weekday), permille([m / n for m, n in zip(month, lengths)]), permille(hour)


def moments(values):
    """Mean and squared coefficient of variation."""
    mean = sum(values) / len(values)
    return mean, sum((v - mean) ** 2 for v in values) / len(values) / mean**2


def quantiles(values, n):
    """`n` values at the middles of n equal parts of the sorted list."""
    ordered = sorted(values)
    return [ordered[int((i + 0.5) * len(ordered) / n)] for i in range(n)]


class Real:
    """What is taken from the real orders."""

    def __init__(self, path):
        lines, self.returns = read_orders(path)
        self.n_lines = len(lines)
        self.days = (lines[-1][0].date() - lines[0][0].date()).days + 1
        self.weekday, self.month, self.hour = seasonality(lines)
        usual = [line for line in lines if line[4] <= LINES_QUANTITY_MAX]
        self.size_mean, self.size_cv2 = moments([line[4] for line in usual])
        self.countries = collections.Counter(line[2] for line in lines)
        by_customer = collections.defaultdict(list)
        by_sku = collections.defaultdict(list)
        trading_days, sku_days = set(), collections.defaultdict(collections.Counter)
        for at, customer, _, sku, quantity in usual:
            by_customer[customer].append(sku)
            by_sku[sku].append(quantity)
            trading_days.add(at.date())
            sku_days[sku][at.date()] += 1
        self.n_customers, self.n_skus = len(by_customer), len(by_sku)
        self.trading_days = len(trading_days)
        self.lines_per_day = quantiles([len(skus) / self.days for skus in by_customer.values()], N_CUSTOMERS)
        self.variety = quantiles([len(set(skus)) for skus in by_customer.values()], N_CUSTOMERS)
        # SKUs in order of how often they are asked for; each demo SKU stands for one n-th of them.
        ranked = sorted(by_sku, key=lambda sku: (-len(by_sku[sku]), sku))
        n = sum(len(goods) for goods in cat.GOODS.values())
        self.skus = []
        for i in range(n):
            sku = ranked[int((i + 0.5) * len(ranked) / n)]
            mean, cv2 = moments(by_sku[sku])
            counts = [sku_days[sku][day] for day in sorted(trading_days)]
            day_mean, day_cv2 = moments(counts)
            self.skus.append({
                "lines": len(by_sku[sku]), "size": mean, "cv2": cv2,
                "idle": counts.count(0) / len(counts), "dispersion": day_cv2 * day_mean,
            })


# ---- places ----------------------------------------------------------------------------------------------

def distance_m(a, b):
    """Great circle on the sphere of 6,371,008.8 m, as the loader measures."""
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (*a, *b))
    h = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(h))


def way_m(points):
    return sum(distance_m(a, b) for a, b in zip(points, points[1:]))


class Land:
    """Which points are on land, at the scale of 1 : 50 million."""

    def __init__(self, path):
        self.rings = []
        geometries = []
        for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
            geometry = feature["geometry"]
            geometries += geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        for polygon in geometries:
            lons, lats = [p[0] for p in polygon[0]], [p[1] for p in polygon[0]]
            self.rings.append((min(lons), max(lons), min(lats), max(lats), polygon))

    def holds(self, lat, lon):
        for west, east, south, north, polygon in self.rings:
            if west <= lon <= east and south <= lat <= north:
                if sum(self._crosses(ring, lat, lon) for ring in polygon) % 2 == 1:
                    return True
        return False

    @staticmethod
    def _crosses(ring, lat, lon):
        inside = 0
        for (x1, y1), (x2, y2) in zip(ring, ring[1:]):
            if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
                inside ^= 1
        return inside


def on_great_circle(a, b, part):
    def vector(p):
        lat, lon = math.radians(p[0]), math.radians(p[1])
        return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)

    u, v = vector(a), vector(b)
    angle = distance_m(a, b) / 6_371_008.8
    s, t = math.sin((1 - part) * angle) / math.sin(angle), math.sin(part * angle) / math.sin(angle)
    x, y, z = (s * p + t * q for p, q in zip(u, v))
    return math.degrees(math.asin(z)), math.degrees(math.atan2(y, x))


def over_land(land, points):
    """Stretches of a sea route on land, in km with their middle; the canal and harbour approaches do not count."""
    found = []
    for a, b in zip(points, points[1:]):
        steps = max(1, int(distance_m(a, b) / 4_000))
        for i in range(steps):
            p = on_great_circle(a, b, (i + 0.5) / steps)
            canal = 29.7 < p[0] < 31.4 and 32.0 < p[1] < 32.8
            harbour = min(distance_m(p, points[0]), distance_m(p, points[-1])) < 40_000
            if not canal and not harbour and land.holds(*p):
                found.append((round(p[0], 2), round(p[1], 2)))
    return found


def seats(shares, n):
    """Divides `n` by largest remainders."""
    total = sum(shares.values())
    exact = {key: share * n / total for key, share in shares.items()}
    whole = {key: math.floor(x) for key, x in exact.items()}
    for key in sorted(exact, key=lambda key: (whole[key] - exact[key], key))[: n - sum(whole.values())]:
        whole[key] += 1
    return {key: count for key, count in whole.items() if count}


def place_customers(real, data, land):
    """A place for each customer: countries by their share of the real lines, cities by the root of their size."""
    cities = collections.defaultdict(list)
    with open(data / "basemap/cities_300k.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            cities[row["country"]].append(row)
    shares = {cat.COUNTRIES[name]: n for name, n in real.countries.items() if name in cat.COUNTRIES}
    customers = []
    for country, n in sorted(seats(shares, N_CUSTOMERS).items(), key=lambda item: (-item[1], item[0])):
        roots = {row["geonameid"]: math.sqrt(int(row["pop"])) for row in cities[country]}
        by_id = {row["geonameid"]: row for row in cities[country]}
        for geonameid, m in sorted(seats(roots, n).items(), key=lambda item: (-item[1], item[0])):
            city = by_id[geonameid]
            turn = 0
            for i in range(m):
                while True:  # a sunflower round the city's centre, 1.2 km and more apart, on land
                    turn += 1
                    km, angle = 1.2 * math.sqrt(turn - 0.5), 2.399963 * turn
                    lat = float(city["lat"]) + km * math.cos(angle) / 111.2
                    lon = float(city["lon"]) + km * math.sin(angle) / 111.2 / math.cos(math.radians(lat))
                    if turn > 200 or land.holds(lat, lon):
                        break
                customers.append({"country": country, "city": city["name"], "tz": city["tz"], "lat": lat, "lon": lon, "n": i + 1})
    return customers


# ---- writing ---------------------------------------------------------------------------------------------

def number(value, places=3):
    text = f"{value:.{places}f}".rstrip("0").rstrip(".") if places else str(round(value))
    return text or "0"


def gs1_key(n):
    """A key of 13 digits: the prefix, the number and the check digit (GS1 General Specifications, 7.9)."""
    digits = f"952{n:09}"
    total = sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def write(folder, name, header, rows):
    with open(folder / name, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    return len(rows)


def via(points):
    return ";".join(f"{number(lat, 4)} {number(lon, 4)}" for lat, lon in points)


class Demo:
    def __init__(self, real, data, land):
        self.real = real
        self.random = random.Random(20101201)
        self.customers = place_customers(real, data, land)
        self.sites, self.lanes, self.stock, self.vehicles, self.devices = [], [], [], [], []
        self.demand, self.shipments, self.plans = [], [], []
        self.position = {}
        self.legs = collections.defaultdict(list)  # from site: (to site, days, lane)
        self.in_transit = collections.Counter()
        self.make_sites()
        self.make_skus()
        self.make_lanes()
        self.make_demand()
        self.make_fleet()
        self.make_stock()
        self.make_fixed_devices()
        self.make_hall()

    def add_site(self, site, kind, name, zh, lat, lon, country, tz, tier, partner=None):
        self.position[site] = (round(lat, 5), round(lon, 5))
        self.sites.append([site, kind, name, zh, number(lat, 5), number(lon, 5), country, tz, tier, partner])

    def make_sites(self):
        for site, (name, zh, lat, lon, country, tz, _) in cat.SUPPLIERS.items():
            self.add_site(site, "supplier", name, zh, lat, lon, country, tz, 5)
        for site, (name, zh, lat, lon, country, tz) in cat.PORTS.items():
            self.add_site(site, "port", f"Port of {name}", zh, lat, lon, country, tz, 4 if country not in ("GB", "NL") else 3)
        for site, (name, zh, lat, lon, country, tz) in cat.AIRPORTS.items():
            self.add_site(site, "airport", name, zh, lat, lon, country, tz, 4 if country == "HK" else 3)
        for site, (kind, name, zh, lat, lon, country, tz, _) in cat.WAREHOUSES.items():
            self.add_site(site, kind, name, zh, lat, lon, country, tz, 2 if kind == "central_warehouse" else 1)
        # Each customer is as busy as one n-th of the real ones; who is where is drawn.
        order = list(range(N_CUSTOMERS))
        self.random.shuffle(order)
        british = [i for i, c in enumerate(self.customers) if c["country"] in ("GB", "IE")]
        shops = set(british[:: len(british) // N_SHOPS][:N_SHOPS])
        names = [f"{first} {second}" for first in cat.FIRST for second in cat.SECOND]
        self.random.shuffle(names)
        for i, customer in enumerate(self.customers):
            customer["rank"] = order[i]  # place among the customers by how often they order
            customer["shop"] = i in shops
            customer["site"] = f"SHOP-{i + 1:03}" if i in shops else f"C-{i + 1:03}"
            name = f"Hearth & Harbour {customer['city']} {customer['n']}" if i in shops else f"{names[i % len(names)]}, {customer['city']}"
            partner = None if i in shops else "ABC"[min(2, 3 - max(1, math.ceil(3 * (order[i] + 1) / N_CUSTOMERS)))]
            kind = "shop" if i in shops else "customer"
            self.add_site(customer["site"], kind, name, None, customer["lat"], customer["lon"], customer["country"], customer["tz"], 0, partner)

    def make_skus(self):
        self.skus = []
        codes = {"SUP-YIWU": "HOM", "SUP-SHENZHEN": "KIT", "SUP-SAIGON": "SAI", "SUP-MUMBAI": "MUM", "SUP-IZMIR": "AEG", "SUP-AGADIR": "SOU", "SUP-VARDE": "DAI"}
        n_of = collections.Counter()
        for (supplier, temperature), goods in cat.GOODS.items():
            for name, zh, unit, grams, millilitres, pence, shelf_life in goods:
                n_of[supplier] += 1
                self.skus.append({
                    "sku": f"{codes[supplier]}-{n_of[supplier]:02}", "name": name, "zh": zh, "unit": unit, "mass": grams,
                    "volume": millilitres, "value": pence, "class": temperature, "supplier": supplier, "shelf": shelf_life,
                })
        popularity = list(range(len(self.skus)))
        self.random.shuffle(popularity)
        for sku, rank in zip(self.skus, popularity):
            sku["like"] = self.real.skus[rank]

    def add_lane(self, lane, start, end, mode, days, sd_days, points, cost, per_tonne, every_days=None, two_way=False, distance=None):
        self.lanes.append([lane, start, end, mode, number(days * 24, 2), number(sd_days * 24, 2), distance, via(points), cost, per_tonne, number(every_days * 24, 2) if every_days else None, "true" if two_way else None])
        self.legs[start].append((end, days, lane))
        if two_way:
            self.legs[end].append((start, days, lane + "~back"))

    def add_road(self, lane, start, end, bends=(), two_way=False, handling_h=2.0):
        """Roads are a fifth longer than the straight line; drivers make 55 km/h with their rests."""
        points = [self.position[start], *bends, self.position[end]]
        metres = way_m(points) * 1.2
        days = (metres / 55_000 + handling_h) / 24
        self.add_lane(lane, start, end, "road", days, 0.1 * days, bends, round(4_000 + metres / 1_000 * 110), 0, None, two_way, round(metres))

    def make_lanes(self):
        for supplier, (*_, port) in cat.SUPPLIERS.items():
            self.add_road(f"PRE-{supplier[4:]}", supplier, port, two_way=True, handling_h=8)
        self.sea_days = {}
        for lane, (start, end, points, _, every) in cat.SEA_LANES.items():
            metres = way_m([self.position[start], *points, self.position[end]])
            days = metres / 29_000 / 24 + (1.0 if every <= 3 else 3.0)  # 15.7 knots, and the harbours
            self.sea_days[lane] = days
            self.add_lane(lane, start, end, "sea", days, 0.08 * days, points, 250_000, 6_500, every, True)
        for port in ("GBFXT", "GBSOU", "GBIMM"):
            self.add_road(f"HAUL-{port[2:]}", port, cat.CENTRAL, two_way=True, handling_h=12)
        self.add_road("HAUL-RTM", "NLRTM", cat.CONTINENT, two_way=True, handling_h=12)
        self.add_road("AIR-PRE", "SUP-SHENZHEN", "HKG", handling_h=10)
        metres = distance_m(self.position["HKG"], self.position["EMA"])
        self.add_lane("AIR-HKG-EMA", "HKG", "EMA", "air", metres / 850_000 / 24 + 1.0, 0.3, [], 900_000, 290_000, 1, True)
        self.add_road("AIR-HAUL", "EMA", cat.CENTRAL, handling_h=6)
        for site in cat.WAREHOUSES:
            if site != cat.CENTRAL:
                self.add_road(f"TRUNK-{site[3:]}", cat.CENTRAL, site, cat.ROAD_BENDS.get(site, ()), two_way=True, handling_h=4)
        british = [site for site, warehouse in cat.WAREHOUSES.items() if warehouse[5] == "GB" and site != cat.CENTRAL]
        for customer in self.customers:
            country, here = customer["country"], (customer["lat"], customer["lon"])
            if country == "IE" or customer["city"] == "Belfast":
                served_by = "RW-DUBLIN"
            elif country == "GB":
                served_by = min(british, key=lambda site: (distance_m(self.position[site], here), site))
            else:
                served_by = cat.CONTINENT
            customer["served_by"] = served_by
            self.add_road(f"LM-{customer['site']}", served_by, customer["site"], cat.NORDIC_BENDS.get(country, ()))

    def lead_days(self, start, end):
        best, queue = {start: 0.0}, [(0.0, start)]
        while queue:
            days, site = heapq.heappop(queue)
            if site == end:
                return days
            for to, leg, lane in self.legs[site]:
                if not lane.startswith("AIR") and days + leg < best.get(to, math.inf):
                    best[to] = days + leg
                    heapq.heappush(queue, (days + leg, to))
        raise SystemExit(f"no way from {start} to {end}")

    def make_demand(self):
        """Each customer asks for some SKUs, at the rate of the real customer that it stands for."""
        self.asked = collections.defaultdict(lambda: [0.0, 0.0])  # (site, SKU): pieces and variance a day
        total_lines = sum(sku["like"]["lines"] for sku in self.skus)
        shop_rates = sorted(self.real.lines_per_day)[-N_CUSTOMERS // 2:]
        shop = 0
        for customer in self.customers:
            if customer["shop"]:
                n, lines = SKUS_PER_SHOP, shop_rates[shop % len(shop_rates)] * self.real.size_mean / 1.4
                shop += 7
            else:
                variety = sorted(self.real.variety)[customer["rank"]]
                n = max(2, min(len(self.skus), round(1.35 * math.sqrt(variety))))
                lines = sorted(self.real.lines_per_day)[customer["rank"]]
            # Drawn without putting back, the popular ones more often (Efraimidis and Spirakis, 2006).
            keys = {sku["sku"]: self.random.random() ** (total_lines / sku["like"]["lines"]) for sku in self.skus}
            chosen = sorted(sorted(self.skus, key=lambda sku: (-keys[sku["sku"]], sku["sku"]))[:n], key=lambda sku: sku["sku"])
            weight = sum(sku["like"]["lines"] for sku in chosen)
            customer["skus"] = [sku["sku"] for sku in chosen]
            for sku in chosen:
                orders = lines * sku["like"]["lines"] / weight
                size, cv2 = (1.4, 0.5) if customer["shop"] else (max(1.0, round(sku["like"]["size"], 3)), round(sku["like"]["cv2"], 3))
                rate = round(orders * size, 6)
                if rate == 0:
                    continue
                self.demand.append([customer["site"], sku["sku"], number(rate, 6), number(size), number(cv2), "shop" if customer["shop"] else "orders"])
                for site in {customer["site"], customer["served_by"]} if customer["shop"] else {customer["served_by"]}:
                    cell = self.asked[site, sku["sku"]]
                    cell[0] += rate
                    cell[1] += rate * size * (1 + cv2)

    def source(self, site, sku):
        """Who replenishes a SKU at a site."""
        if site == cat.CENTRAL or (site == cat.CONTINENT and sku["supplier"] == "SUP-YIWU"):
            return sku["supplier"]
        return cat.CENTRAL

    def make_fleet(self):
        """Ships, an aeroplane, lorries and vans, most of them under way, and what they carry."""
        for sku in self.skus:  # what the central warehouse must send on
            for site in cat.WAREHOUSES:
                if site != cat.CENTRAL and self.source(site, sku) == cat.CENTRAL:
                    rate, variance = self.asked[site, sku["sku"]]
                    cell = self.asked[cat.CENTRAL, sku["sku"]]
                    cell[0] += rate
                    cell[1] += variance
        names = iter(cat.SHIP_NAMES)
        number_of = collections.Counter()

        def vehicle(prefix, kind, name, capacity, temperature, home, route, progress, speed, interval):
            number_of[prefix] += 1
            code = f"{prefix}-{number_of[prefix]:02}"
            device = f"GPS-{code}"
            metrics = "speed:km/h:float;battery:%:float:20..100"
            if temperature == "chilled":
                metrics += ";temperature:Cel:float:2..8"
            self.vehicles.append([code, kind, name or f"{kind.capitalize()} {number_of[prefix]}", capacity, temperature, home, ";".join(route), progress, speed, device])
            self.devices.append([device, home, "tracker", code, interval, metrics])
            return code

        supplier_of = {port: supplier for supplier, (*_, port) in cat.SUPPLIERS.items()}
        for lane, (start, end, _, n, every) in cat.SEA_LANES.items():
            supplier = supplier_of[start]
            chilled = any(kind == "chilled" for who, kind in cat.GOODS if who == supplier)
            site = cat.CONTINENT if end == "NLRTM" else cat.CENTRAL
            for i in range(n):
                outward = i % 4 != 3
                progress = round(1000 * ((i + 0.5) / n * 0.9 + 0.05 * self.random.random()))
                route = [lane, lane + "~back"] if outward else [lane + "~back", lane]
                ship = vehicle("SHIP", "ship", "MV " + next(names), 9_000_000_000, "chilled" if chilled else "dry", start if outward else end, route, progress, 29_000, 600)
                if outward:
                    rest = self.sea_days[lane] * (1.05 - progress / 1000) + self.lead_days(end, site) + 0.1  # promised with some slack
                    self.ship(supplier, site, lane, ship, rest, max(7, self.sea_days[lane] / n), lambda sku, s=supplier, w=site: sku["supplier"] == s and self.source(w, sku) == s)
        vehicle("AIR", "aircraft", "Freighter one", 100_000_000, "dry", "HKG", ["AIR-HKG-EMA", "AIR-HKG-EMA~back"], 430, 850_000, 300)
        for port, n in (("FXT", 5), ("SOU", 3), ("IMM", 3)):
            for i in range(n):
                vehicle("HGV", "truck", None, 24_000_000, "chilled" if port != "FXT" else "dry", cat.CENTRAL, [f"HAUL-{port}~back", f"HAUL-{port}"], round(1000 * (i + 0.4) / n), 70_000, 120)
        for i in range(2):
            vehicle("HGV", "truck", None, 24_000_000, "dry", cat.CONTINENT, ["HAUL-RTM~back", "HAUL-RTM"], 250 + 500 * i, 70_000, 120)
        for site in cat.WAREHOUSES:
            if site == cat.CENTRAL:
                continue
            lane = f"TRUNK-{site[3:]}"
            days = self.lead_days(cat.CENTRAL, site)
            for i in range(3):
                progress = (150, 550, None)[i]
                truck = vehicle("HGV", "truck", None, 24_000_000, "chilled" if i < 2 else "dry", cat.CENTRAL, [lane, lane + "~back"], progress, 70_000, 120)
                if progress is not None:
                    wanted = "chilled" if i == 0 else "dry"
                    self.ship(cat.CENTRAL, site, lane, truck, days * (1 - progress / 1000) + 0.1, 3, lambda sku, w=site, c=wanted: sku["class"] == c and self.source(w, sku) == cat.CENTRAL)
            served = [customer for customer in self.customers if customer["served_by"] == site]
            n_vans = 2 + len(served) // 12
            for i in range(n_vans):
                customer = served[(i * len(served)) // n_vans]
                kind, prefix, capacity = ("van", "VAN", 1_200_000) if site != cat.CONTINENT else ("truck", "HGV", 12_000_000)
                vehicle(prefix, kind, None, capacity, "chilled" if i % 2 == 0 else "dry", site, [f"LM-{customer['site']}"], round(1000 * (i + 0.3) / n_vans) if i % 3 != 2 else None, 60_000, 60)

    def ship(self, start, end, lane, vehicle, due_days, cover_days, wanted):
        lines = []
        for sku in filter(wanted, self.skus):
            rate = self.asked[end, sku["sku"]][0]
            pieces = 6 * math.ceil(rate * cover_days * (0.7 + 0.6 * self.random.random()) / 6)
            if pieces:
                lines.append((sku["sku"], pieces))
        code = f"SHP-{len({row[0] for row in self.shipments}) + 1:03}"
        for sku, pieces in lines:
            self.in_transit[end, sku] += pieces
            self.shipments.append([code, start, end, lane, vehicle, round(due_days * DAY), sku, pieces])

    def make_stock(self):
        """Reorder points cover the lead time and the review at 95 %; levels start anywhere in their cycle."""
        self.short = 0
        for sku in self.skus:
            rate = self.asked[cat.CENTRAL, sku["sku"]][0]
            self.stock.append([sku["supplier"], sku["sku"], 12 * math.ceil(rate * 30 / 12) + 120, 0, 0, 0, None, None, None])
        for site in [*cat.WAREHOUSES, *(customer["site"] for customer in self.customers if customer["shop"])]:
            shop = site.startswith("SHOP")
            customer = next((c for c in self.customers if c["site"] == site), None)
            for sku in self.skus:
                if shop and sku["sku"] not in customer["skus"]:
                    continue
                source = customer["served_by"] if shop else self.source(site, sku)
                rate, variance = self.asked[site, sku["sku"]]
                lead = self.lead_days(source, site)
                wait = 1.0 if source in cat.WAREHOUSES else 7.0  # review, and the next sailing
                point = math.ceil(rate * (lead + wait) + SERVICE_Z * math.sqrt(variance * (lead + wait)))
                cycle = 7 if shop or source in cat.WAREHOUSES else 21
                if sku["shelf"]:
                    cycle = max(1, min(cycle, sku["shelf"] / 4))
                case = 1 if shop else 6
                up_to = point + case * math.ceil(max(rate * cycle, case) / case)
                coming = self.in_transit[site, sku["sku"]]
                wanted = point + 1 + (up_to - point) * self.random.random()
                if self.random.random() < 0.006:  # a few are short, as everywhere
                    wanted = point * 0.6
                    self.short += 1
                on_hand = max(math.ceil(wanted - coming), math.ceil(rate * min(3, lead)))
                reserved = min(on_hand, round(rate * 0.3 * self.random.random())) if not shop else 0
                on_hand += reserved
                self.stock.append([site, sku["sku"], on_hand, reserved, coming, 0, point, up_to, source])

    def make_fixed_devices(self):
        for site, (*_, rooms) in cat.WAREHOUSES.items():
            short = site[3:]
            for i in range(rooms):
                self.devices.append([f"COLD-{short}-{i + 1}", site, "cold_room", None, 60, "temperature:Cel:float:2..8;humidity:%:float:40..95;door.open::boolean"])
            for i in range(2):
                self.devices.append([f"SCAN-{short}-{i + 1}", site, "scanner", None, 300, "scans:1:integer;battery:%:float:20..100"])
            self.devices.append([f"WMS-{short}", site, "warehouse_system", None, 300, "orders.open:1:integer"])
        for site in cat.SUPPLIERS:
            self.devices.append([f"ERP-{site[4:]}", site, "warehouse_system", None, 300, "orders.open:1:integer"])
        for customer in self.customers:
            if customer["shop"]:
                self.devices.append([f"FRIDGE-{customer['site'][5:]}", customer["site"], "cold_room", None, 300, "temperature:Cel:float:1..7;door.open::boolean"])
                self.devices.append([f"TILL-{customer['site'][5:]}", customer["site"], "scanner", None, 600, "scans:1:integer"])

    def make_hall(self):
        """The central warehouse from above, in metres: dry racks, four cold rooms, doors; and what drives there."""
        chilled = [sku["sku"] for sku in self.skus if sku["class"] == "chilled"]
        dry = [sku["sku"] for sku in self.skus if sku["class"] == "dry"]
        width, height, apron, slot, depth = 84, 60, 10, 2.7, 2.4
        part = lambda kind, x, y, w=None, h=None, sku=None, sensor=None: self.plans.append(
            [cat.CENTRAL, kind, *(None if cell is None else number(cell, 1) for cell in (x, y, w, h)), sku, sensor])
        part("hall", 0, 0, width, height)
        part("receiving", 0, 0, width, apron)
        part("shipping", 0, height - apron, width, apron)
        part("dry", 0, apron, 53, height - 2 * apron)
        rooms = [(53, apron + 10 * n, 31, 10) for n in range(4)]
        for n, room in enumerate(rooms):
            part("chilled", *room, sensor=f"COLD-DAVENTRY-{n + 1}")
        # Every SKU of the dry zone has a slot, the first 40 a second one; the rest is free.
        wanted = dry + dry[:40]
        for n in range(7 * 16):
            row, place = divmod(n, 16)
            x = 3 + place * slot + (3 if place >= 8 else 0)
            part("slot", x, apron + 3 + row * (depth + 3), slot, depth, wanted[n] if n < len(wanted) else None)
        for n, (x, y, _, _) in enumerate(rooms):
            here = chilled[n::len(rooms)]
            for place in range(9):
                part("slot", x + 3 + place * slot, y + 5, slot, depth, (here + here[:3])[place] if place < len(here) + 3 else None)
        for n in range(6):
            part("dock_in", 8 + n * 13.6, 0)
        for n in range(10):
            part("dock_out", 6 + n * 8, height)
        for n in range(4):
            self.vehicles.append([f"AGV-{n + 1:02}", "agv", f"AGV {n + 1}", 1_000_000, "chilled", cat.CENTRAL, None, None, 4320, None])
            self.devices.append([f"NAV-AGV-{n + 1:02}", cat.CENTRAL, "controller", f"AGV-{n + 1:02}", 15, f"x:m:float:0..{width};y:m:float:0..{height}"])

    def save(self, folder):
        write(folder, "sites.csv", ["site", "kind", "name", "name_zh", "lat", "lon", "country", "time_zone", "tier", "partner_class"], self.sites)
        write(folder, "lanes.csv", ["lane", "from", "to", "mode", "lead_time_h", "lead_time_sd_h", "distance_m", "via", "cost_minor", "cost_per_tonne_minor", "departs_every_h", "two_way"], self.lanes)
        chilled = lambda sku, value: value if sku["class"] == "chilled" else None
        write(folder, "skus.csv", ["sku", "name", "name_zh", "unit", "mass_g", "volume_ml", "value_minor", "temperature", "temperature_min_c", "temperature_max_c", "shelf_life_days"],
              [[s["sku"], s["name"], s["zh"], s["unit"], s["mass"], s["volume"], s["value"], s["class"], chilled(s, 2), chilled(s, 8), s["shelf"]] for s in self.skus])
        write(folder, "stock.csv", ["site", "sku", "on_hand", "reserved", "in_transit", "on_order", "reorder_point", "order_up_to", "source"], self.stock)
        write(folder, "vehicles.csv", ["vehicle", "kind", "name", "capacity_g", "temperature", "home", "route", "progress_permille", "speed_m_per_h", "device"], self.vehicles)
        write(folder, "devices.csv", ["device", "site", "kind", "vehicle", "interval_secs", "metrics"], self.devices)
        write(folder, "demand.csv", ["site", "sku", "rate_per_day", "order_size", "order_size_cv2", "seasonality"], self.demand)
        # 952 is GS1's prefix for demonstrations and examples.
        write(folder, "gtins.csv", ["sku", "gtin"], [[sku["sku"], gs1_key(100_000_000 + n)] for n, sku in enumerate(self.skus)])
        write(folder, "glns.csv", ["site", "gln"], [[site[0], gs1_key(n)] for n, site in enumerate(self.sites)])
        write(folder, "shipments.csv", ["shipment", "from", "to", "lane", "vehicle", "due_in_secs", "sku", "quantity"], self.shipments)
        write(folder, "site_plans.csv", ["site", "part", "x_m", "y_m", "width_m", "height_m", "sku", "sensor"], self.plans)
        # Shops are open every day; people buy from nine to nine. Assumed: the orders are the wholesaler's.
        shop_week = permille([85, 85, 90, 95, 120, 150, 75])
        shop_hours = permille([0] * 9 + [4, 7, 9, 11, 10, 9, 9, 10, 11, 9, 6, 4] + [0] * 3)
        (folder / "network.toml").write_text(f"""# Made by networks/calibrate.py; see README.md.
format = 1
name = "Hearth & Harbour"
tenant = "hearth"
currency = "GBP"
time_zone = "Europe/London"

# The wholesaler's order lines of 2010-12 to 2011-11 (UCI Online Retail, CC BY 4.0).
[seasonality.orders]
weekday_permille = {self.real.weekday}
month_permille = {self.real.month}
hour_permille = {self.real.hour}

# Months as above; weekdays and hours are assumed.
[seasonality.shop]
weekday_permille = {shop_week}
month_permille = {self.real.month}
hour_permille = {shop_hours}
""", encoding="utf-8")


def report(real, demo):
    """What was measured, beside what the demo has."""
    wholesale = [row for row in demo.demand if row[5] == "orders"]
    orders = [float(row[2]) / float(row[3]) for row in wholesale]
    customers = N_CUSTOMERS - N_SHOPS
    size = sum(float(row[2]) for row in wholesale) / sum(orders)
    cv2 = sum(n * float(row[3]) ** 2 * (1 + float(row[4])) for n, row in zip(orders, wholesale)) / sum(orders) / size**2 - 1
    rows = [
        ("customers (of them shops of ours)", real.n_customers, f"{N_CUSTOMERS} ({N_SHOPS})"),
        ("SKUs", real.n_skus, len(demo.skus)),
        ("order lines a day and customer", f"{real.n_lines / real.days / real.n_customers:.3f}", f"{sum(orders) / customers:.3f}"),
        ("pieces an order line, mean", f"{real.size_mean:.2f}", f"{size:.2f}"),
        ("pieces an order line, squared coefficient of variation", f"{real.size_cv2:.2f}", f"{cv2:.2f}"),
        ("share of the United Kingdom in customers or lines", f"{real.countries['United Kingdom'] / real.n_lines:.3f}", f"{sum(c['country'] == 'GB' for c in demo.customers) / N_CUSTOMERS:.3f}"),
        ("busiest and quietest month", f"{max(real.month)}, {min(real.month)}", "the same"),
        ("returns, share of lines", f"{real.returns / (real.n_lines + real.returns):.3f}", "none"),
    ]
    idle = sum(sku["idle"] for sku in real.skus) / len(real.skus)
    poisson = sum(math.exp(-sku["lines"] / real.trading_days) for sku in real.skus) / len(real.skus)
    rows.append(("(SKU, trading day) pairs without an order, of the SKUs drawn", f"{idle:.3f}", f"{poisson:.3f} if Poisson"))
    dispersion = sorted(sku["dispersion"] for sku in real.skus)[len(real.skus) // 2]
    rows.append(("variance over mean of a SKU's lines a day, median", f"{dispersion:.2f}", "1 and the seasons"))
    print("| | real orders | demo |\n|---|---|---|")
    for row in rows:
        print("| {} | {} | {} |".format(*row))
    print()
    for name in ("sites", "lanes", "skus", "stock", "vehicles", "devices", "demand"):
        print(f"{len(getattr(demo, name))} {name}; ", end="")
    print(f"{len({row[0] for row in demo.shipments})} shipments; {demo.short} positions short")
    print(f"pieces a day: {sum(float(row[2]) for row in wholesale):.0f} orders, {sum(float(row[2]) for row in demo.demand if row[5] == 'shop'):.0f} shops")


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, default=here.parent.parent / "shared/data")
    parser.add_argument("--out", type=pathlib.Path, default=here / "demo")
    arguments = parser.parse_args()
    land = Land(arguments.data / "basemap/land_50m.geojson")
    for lane, (start, end, points, *_) in cat.SEA_LANES.items():
        found = over_land(land, [cat.PORTS[start][2:4], *points, cat.PORTS[end][2:4]])
        if found:
            raise SystemExit(f"{lane} runs over land at {found}")
    demo = Demo(Real(arguments.data / "retail/order_lines.csv.gz"), arguments.data, land)
    arguments.out.mkdir(exist_ok=True)
    demo.save(arguments.out)
    report(demo.real, demo)


if __name__ == "__main__":
    main()
