"""Forecasts a set of series with statsforecast: AutoETS, dynamic optimised Theta, AutoCES and their median.

Usage: forecasters.py SET.csv SERIES_MAX
Prints one line for each method: name, CPU seconds, series; then one line for each forecast: name, series_id, values.
"""

import csv
import sys
import time
import warnings

import numpy as np
from statsforecast.models import AutoCES, AutoETS, DynamicOptimizedTheta

warnings.filterwarnings("ignore")


def filled(y, season):
    y = y.copy()
    middle = np.nanmedian(y)
    for at in np.flatnonzero(np.isnan(y)):
        y[at] = y[at - season] if at >= season and not np.isnan(y[at - season]) else middle
    return y


def main():
    with open(sys.argv[1]) as file:
        rows = list(csv.DictReader(file))[: int(sys.argv[2])]
    season, horizon = int(rows[0]["season"]), int(rows[0]["horizon"])
    series = [filled(np.array(row["train"].split(" "), float), season) for row in rows]
    models = {
        "AutoETS": AutoETS(season_length=season),
        "DOT": DynamicOptimizedTheta(season_length=season),
        "AutoCES": AutoCES(season_length=season),
    }
    forecasts, seconds = {}, {}
    for name, model in models.items():
        model.forecast(y=series[0], h=horizon)  # what is compiled at the first call is not counted
        began = time.process_time()
        made = []
        for y in series:
            try:
                made.append(model.forecast(y=y, h=horizon)["mean"])
            except Exception:  # as its own fallback model would
                made.append(np.repeat(y[-1], horizon))
        forecasts[name], seconds[name] = made, time.process_time() - began
    median = "median(ETS,DOT,CES)"
    forecasts[median] = [np.median(of_one, axis=0) for of_one in zip(*forecasts.values())]
    seconds[median] = sum(seconds.values())
    for name, spent in seconds.items():
        print(f"{name}\t{spent}\t{len(series)}")
    for name, made in forecasts.items():
        for row, values in zip(rows, made):
            print(f"{name}\t{row['series_id']}\t{' '.join(repr(float(v)) for v in values)}")


main()
