"""Computes every interval of a summary again from comparisons.csv alone, with nothing but the standard library.

usage: recompute_intervals.py comparisons.csv summary.json
Prints how many intervals were compared and the largest difference; ends with 1 where one is off, or where seeds are missing.
"""
import csv
import json
import math
import sys
from collections import defaultdict

TOLERANCE = 1e-7


def t_density(t, dof):
    log_scale = math.lgamma((dof + 1) / 2) - math.lgamma(dof / 2) - 0.5 * math.log(dof * math.pi)
    return math.exp(log_scale - (dof + 1) / 2 * math.log1p(t * t / dof))


def t_probability(t, dof, pieces=4000):
    """P(|T| < t) by Simpson's rule."""
    h = t / pieces
    total = t_density(0, dof) + t_density(t, dof)
    total += sum((4 if i % 2 else 2) * t_density(i * h, dof) for i in range(1, pieces))
    return 2 * total * h / 3


def t_quantile(confidence, dof):
    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        if t_probability(middle, dof) < confidence:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def interval(differences):
    n = len(differences)
    mean = math.fsum(differences) / n
    sd = math.sqrt(math.fsum((d - mean) ** 2 for d in differences) / (n - 1))
    half = t_quantile(0.95, n - 1) * sd / math.sqrt(n)
    return mean, sd, (mean - half, mean + half)


def main(csv_file, summary_file):
    groups = defaultdict(list)
    with open(csv_file, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = (row["a"], row["b"], row["sequence_length"], row["axes"], row["metric"], row["view"])
            groups[key].append(float(row["value_b"]) - float(row["value_a"]))
    with open(summary_file, encoding="utf-8") as file:
        comparisons = json.load(file)["comparisons"]
    compared, worst = 0, 0.0
    for one in comparisons:
        axes = " ".join(f"{name}={value}" for name, value in one["axes"].items())
        views = {"steps": one, "flops": one["equal_flops"], "seconds": one["equal_seconds"]}
        for name, view in views.items():
            if not view or view["n"] < 2:
                continue
            differences = groups[(one["a"], one["b"], str(one["sequence_length"]), axes, one["metric"], name)]
            if len(differences) != view["n"]:
                print(f"{one['a']} and {one['b']}, {name}: {len(differences)} seeds in the file, {view['n']} in the summary")
                return 1
            mean, sd, (low, high) = interval(differences)
            pairs = [(mean, view["mean_difference"]), (sd, view["sd"]), (low, view["ci95"][0]), (high, view["ci95"][1])]
            worst = max(worst, *(abs(mine - theirs) for mine, theirs in pairs))
            compared += 1
    print(f"{compared} intervals, largest difference {worst:.1e}")
    return 0 if compared > 0 and worst < TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
