#!/usr/bin/env python3
"""Prints the tables of `bench year` as Markdown: runs it, or reads its --json lines from a file that is named."""

import json
import re
import subprocess
import sys

BENCH = ["cargo", "run", "--release", "-p", "tests", "--bin", "bench", "--", "year", "--json"]


def lines():
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8") as file:
            return file.read().splitlines()
    # Exit code 6 is a goal missed; the table is printed all the same.
    return subprocess.run(BENCH, stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"


def main():
    figures = [json.loads(line) for line in lines() if line.startswith("{")]
    tables, policies, others = {}, [], []
    for it in figures:
        found = re.fullmatch(r"(at \d+ %): (.+?) of (\(.+?) ± ([\d.]+)", it["figure"])
        if not found:
            others.append(it)
            continue
        at, kpi, policy, half = found.groups()
        if policy not in policies:
            policies.append(policy)
        unit = "" if " over " in policy else it["unit"]
        row = tables.setdefault(at, {}).setdefault(kpi, {"unit": unit})
        row["unit"] = row["unit"] or unit
        row[policy] = f"{it['value']:+.1f} ± {half} %" if " over " in policy else f"{number(it['value'])} ± {number(float(half))}"
    for at, rows in tables.items():
        there = [policy for policy in policies if any(policy in row for row in rows.values())]
        print(f"\n**Fill rate {at[3:]}**\n")
        print("| | " + " | ".join(there) + " |")
        print("|---|" + "---:|" * len(there))
        for kpi, row in rows.items():
            name = kpi + (f", {row['unit']}" if row["unit"] else "")
            print(f"| {name} | " + " | ".join(row.get(policy, "") for policy in there) + " |")
    print()
    for it in others:
        print(f"- {it['figure']}: {number(it['value'])} {it['unit']}".rstrip())


main()
