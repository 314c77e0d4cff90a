"""Simulates stocks with a base-stock policy and Poisson demand in stockpyl and in SimPy, and prints how fast.

Usage: simulators.py STOCKS DAYS LEAD_DAYS BASE_STOCK MEAN_DEMAND
One line each: name, SKU-site-days a second.
"""

import random
import sys
import time

import simpy
from stockpyl.sim import simulation
from stockpyl.supply_chain_network import single_stage_system


def with_stockpyl(stocks, days, lead, level, mean):
    for seed in range(stocks):
        network = single_stage_system(
            holding_cost=1,
            stockout_cost=9,
            demand_type="P",
            mean=mean,
            shipment_lead_time=lead,
            policy_type="BS",
            base_stock_level=level,
        )
        simulation(network, days, rand_seed=seed, progress_bar=False)


def with_simpy(stocks, days, lead, level, mean):
    draw = random.Random(1)
    environment = simpy.Environment()

    def poisson():
        total, arrivals = draw.expovariate(mean), 0
        while total < 1.0:
            total, arrivals = total + draw.expovariate(mean), arrivals + 1
        return arrivals

    def deliver(stock, pieces):
        yield environment.timeout(lead - 0.5)
        stock["on_hand"] += pieces
        stock["on_order"] -= pieces

    def run(stock):
        while True:
            asked = poisson() + stock["backlog"]
            served = min(asked, stock["on_hand"])
            stock["on_hand"] -= served
            stock["backlog"] = asked - served
            pieces = level - (stock["on_hand"] - stock["backlog"] + stock["on_order"])
            if pieces > 0:
                stock["on_order"] += pieces
                environment.process(deliver(stock, pieces))
            stock["held"] += stock["on_hand"]
            yield environment.timeout(1)

    for _ in range(stocks):
        environment.process(run({"on_hand": level, "backlog": 0, "on_order": 0, "held": 0}))
    environment.run(until=days)


def main():
    stocks, days, lead, level = (int(text) for text in sys.argv[1:5])
    mean = float(sys.argv[5])
    for name, simulate in (("stockpyl", with_stockpyl), ("SimPy", with_simpy)):
        begun = time.perf_counter()
        simulate(stocks, days, lead, level, mean)
        print(name, stocks * days / (time.perf_counter() - begun))


main()
