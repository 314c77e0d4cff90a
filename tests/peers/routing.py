"""Solves one open instance with one solver on one core, and prints `cost<TAB>iterations a second<TAB>seconds`.

    routing.py SOLVER FILE CLASS SECS SEED      SOLVER: pyvrp, ortools, vroom, hygese

The cost is in the units of the published one. Seconds are of processor time for PyVRP and HGS-CVRP, which can be told
so, and of the clock for OR-Tools and VROOM. A solver that cannot do the class, or has no plan in time, prints nothing
and exits with 3. Iterations are 0 where the solver does not say.
"""

import math
import sys
import time
from datetime import timedelta

SCALE = {"cvrp": 1, "vrptw": 10, "pdptw": 1000, "hfvrp": 1000, "mdvrptw": 1000}


def none():
    sys.exit(3)


def read_vrp(path):
    """Sections of a file of VRPLIB, as lists of numbers, and its plain fields."""
    fields, sections, at = {}, {}, None
    for line in open(path):
        words = line.replace(":", " : ").split()
        if not words or words[0] == "EOF":
            continue
        if words[0][0].isalpha():
            if words[0].endswith("_SECTION"):
                at = sections.setdefault(words[0], [])
            else:
                fields[words[0]] = " ".join(words[words.index(":") + 1 :])
        elif at is not None:
            at.append([float(w) for w in words])
    return fields, sections


def matrix(points, kind):
    scale = SCALE[kind]
    if kind == "vrptw":
        return [[math.floor(scale * math.dist(a, b)) for b in points] for a in points]
    return [[math.floor(scale * math.dist(a, b) + 0.5) for b in points] for a in points]


def load(path, kind):
    """Points, demands, windows, service times, pairs, capacity, fleet; times and lengths in scaled units."""
    scale = SCALE[kind]
    if kind == "pdptw":
        rows = [[int(float(w)) for w in line.split()] for line in open(path) if line.strip()]
        (fleet, capacity, _), rows = rows[0], rows[1:]
        points = [r[1:3] for r in rows]
        pairs = [(r[0], r[8]) for r in rows if r[8] > 0]
        windows = [(scale * r[4], scale * r[5]) for r in rows]
        return points, [r[3] for r in rows], windows, [scale * r[6] for r in rows], pairs, capacity, fleet
    fields, sections = read_vrp(path)
    points = [r[1:] for r in sections["NODE_COORD_SECTION"]]
    demands = [int(r[1]) for r in sections["DEMAND_SECTION"]]
    n = len(points)
    horizon = 10**8
    windows = [(scale * int(r[1]), scale * int(r[2])) for r in sections.get("TIME_WINDOW_SECTION", [])]
    service = [scale * int(r[1]) for r in sections.get("SERVICE_TIME_SECTION", [])]
    if not service:
        service = [0] + [scale * int(float(fields.get("SERVICE_TIME", 0)))] * (n - 1)
    windows = windows or [(0, horizon)] * n
    return points, demands, windows, service, [], int(fields["CAPACITY"]), int(fields.get("VEHICLES", n))


def pyvrp(path, kind, secs, seed):
    import pyvrp

    if kind == "pdptw":
        none()
    rounding = {"cvrp": "round", "vrptw": "dimacs"}.get(kind, "exact")
    data = pyvrp.read(path, round_func=rounding)
    began = time.process_time()
    result = pyvrp.solve(data, stop=lambda _best: time.process_time() - began >= secs, seed=seed, display=False)
    used = time.process_time() - began
    if not result.is_feasible():
        none()
    # `exact` scales unit costs as well as lengths of a mixed fleet.
    unit = {"cvrp": 1, "vrptw": 10, "hfvrp": 100_000}.get(kind, 1000)
    return result.cost() / unit, result.num_iterations / used, used


def hygese(path, kind, secs, seed):
    import hygese as hgs

    if kind != "cvrp":
        none()
    points, demands, _, _, _, capacity, _ = load(path, kind)
    solver = hgs.Solver(hgs.AlgorithmParameters(timeLimit=secs, seed=seed), verbose=False)
    data = {
        "x_coordinates": [p[0] for p in points],
        "y_coordinates": [p[1] for p in points],
        "demands": demands,
        "vehicle_capacity": capacity,
        "service_times": [0] * len(points),
        "depot": 0,
    }
    began = time.process_time()
    result = solver.solve_cvrp(data, rounding=True)
    return result.cost, 0, time.process_time() - began


def vroom(path, kind, secs, _seed):
    import numpy
    import vroom

    if kind not in ("cvrp", "vrptw", "pdptw"):
        none()
    points, demands, windows, service, pairs, capacity, fleet = load(path, kind)
    # VROOM counts whole seconds up to 2^32 in hundredths: lengths of thousandths stay below.
    ways = matrix(points, kind)
    problem = vroom.Input()
    problem.set_durations_matrix(profile="car", matrix_input=numpy.array(ways, dtype=numpy.uint32))
    shift = vroom.TimeWindow(*windows[0])
    for i in range(min(fleet, len(points))):
        problem.add_vehicle(vroom.Vehicle(i + 1, start=0, end=0, capacity=[capacity], time_window=shift))
    step = lambda i: dict(location=i, service=service[i], time_windows=[vroom.TimeWindow(*windows[i])])
    if pairs:
        for a, b in pairs:
            stops = [vroom.ShipmentStep(i, **step(i)) for i in (a, b)]
            problem.add_shipment(stops[0], stops[1], amount=vroom.Amount([demands[a]]))
    else:
        for i in range(1, len(points)):
            problem.add_job(vroom.Job(i, delivery=[demands[i]], **step(i)))
    began = time.monotonic()
    result = problem.solve(exploration_level=5, nb_threads=1, timeout=timedelta(seconds=secs))
    if result.summary.unassigned:
        none()
    return result.summary.cost / SCALE[kind], 0, time.monotonic() - began


def ortools(path, kind, secs, _seed):
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    if kind not in ("cvrp", "vrptw", "pdptw"):
        none()
    points, demands, windows, service, pairs, capacity, fleet = load(path, kind)
    ways = matrix(points, kind)
    n = len(points)
    fleet = min(fleet, n, math.ceil(1.3 * sum(d for d in demands if d > 0) / capacity) + 3) if kind == "cvrp" else fleet
    manager = pywrapcp.RoutingIndexManager(n, fleet, 0)
    model = pywrapcp.RoutingModel(manager)
    way = model.RegisterTransitMatrix(ways)
    model.SetArcCostEvaluatorOfAllVehicles(way)
    load_of = model.RegisterUnaryTransitVector(demands)
    model.AddDimension(load_of, 0, capacity, True, "load")
    if kind != "cvrp":
        timed = model.RegisterTransitMatrix([[ways[i][j] + service[i] for j in range(n)] for i in range(n)])
        horizon = windows[0][1]
        model.AddDimension(timed, horizon, horizon, False, "time")
        clock = model.GetDimensionOrDie("time")
        for i in range(1, n):
            clock.CumulVar(manager.NodeToIndex(i)).SetRange(*windows[i])
        for a, b in pairs:
            a, b = manager.NodeToIndex(a), manager.NodeToIndex(b)
            model.AddPickupAndDelivery(a, b)
            model.solver().Add(model.VehicleVar(a) == model.VehicleVar(b))
            model.solver().Add(clock.CumulVar(a) <= clock.CumulVar(b))
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    first = routing_enums_pb2.FirstSolutionStrategy
    parameters.first_solution_strategy = first.PARALLEL_CHEAPEST_INSERTION if pairs else first.SAVINGS
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.time_limit.FromMilliseconds(int(1000 * secs))
    began = time.monotonic()
    found = model.SolveWithParameters(parameters)
    if found is None:
        none()
    return found.ObjectiveValue() / SCALE[kind], 0, time.monotonic() - began


if __name__ == "__main__":
    solver, path, kind, secs, seed = sys.argv[1:]
    solve = {"pyvrp": pyvrp, "ortools": ortools, "vroom": vroom, "hygese": hygese}[solver]
    print("%r\t%r\t%r" % solve(path, kind, float(secs), int(seed)))
