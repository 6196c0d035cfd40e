#!/usr/bin/env python3
"""Measures the information laboratory beside scikit-learn and scipy: same arrays, one run, one thread each.

Asserts that both sides find the same numbers, and prints times and ratios. See environment.py for the times.
"""

import json

from environment import FOLDER, enter, machine, ours, timed

SEED = 1
CLASSES = 8
PERMUTATIONS = 5_000


enter(__file__)

import numpy as np  # noqa: E402
import scipy  # noqa: E402
import sklearn  # noqa: E402
from scipy import optimize, stats  # noqa: E402
from sklearn.feature_selection import mutual_info_regression  # noqa: E402
from sklearn.metrics import mutual_info_score, roc_auc_score  # noqa: E402


def write(name, values):
    np.ascontiguousarray(values, dtype="<f8").tofile(FOLDER / name)


def show(what, peer, us):
    print(f"{what:<62} {peer[0]:8.4f} ({peer[1]:.4f})  {us[0]:8.5f} ({us[1]:.5f})  {peer[0] / us[0]:6.2f}")


def same(what, found, expected, tolerance):
    print(f"    {what}: ours {found:.10g}, theirs {expected:.10g}")
    assert abs(found - expected) <= tolerance * max(1.0, abs(expected)), what


def delong_error(scores, positive):
    """Standard error of the area, straight from the definition."""
    above, below = scores[positive], scores[~positive]
    wins = (above[:, None] > below).astype(float) + 0.5 * (above[:, None] == below)
    return np.sqrt(wins.mean(1).var(ddof=1) / len(above) + wins.mean(0).var(ddof=1) / len(below))


def permuted(table, rng):
    """G of tables with the margins of this one: scipy's own random tables, and as little else as can be."""
    rows, columns = table.sum(1), table.sum(0)
    drawn = stats.random_table(rows, columns, seed=rng).rvs(PERMUTATIONS)
    logs = np.arange(table.sum() + 1, dtype=float)
    logs[1:] *= np.log(logs[1:])
    log_sums = logs[drawn.astype(int)].sum((1, 2))
    return (1 + (log_sums >= logs[table].sum() - 1e-9).sum()) / (1 + PERMUTATIONS)


def main():
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=10_000)
    y = 0.5 * x + rng.normal(size=10_000)
    write("ksg_x.f64", x)
    write("ksg_y.f64", y)
    a = rng.random(2_500)
    b = np.round(0.1 * a + rng.random(2_500), 3)
    write("table_x.f64", a)
    write("table_y.f64", b)
    times = ours("information_peers")
    found = json.loads((FOLDER / "information.json").read_text())
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}, "
          f"{machine()}, seed {SEED}")
    print(f"{'processor seconds (wall)':<62} {'peer':>17}  {'ours':>18}  {'ratio':>6}")

    estimate = lambda: mutual_info_regression(x[:, None], y, n_neighbors=3, random_state=SEED)  # noqa: E731
    show("KSG, scikit-learn mutual_info_regression, n = 10,000, k = 3", timed(estimate), times["ksg"])
    # Theirs adds a little noise to the values first.
    same("mutual information, bit", found["ksg_bits"], estimate()[0] / np.log(2), 1e-4)

    table = np.array(found["counts"]).reshape(CLASSES, CLASSES)
    labels = [np.repeat(np.arange(CLASSES * CLASSES) // CLASSES, table.ravel()),
              np.repeat(np.arange(CLASSES * CLASSES) % CLASSES, table.ravel())]
    peer = timed(lambda: permuted(table, rng))
    show("G-test, scipy random_table, 5,000 permutations, 2,500 shares", peer, times["permutations"])
    same("p by permutation", found["p_permutation"], permuted(table, rng), 0.03)
    chi = stats.chi2_contingency(table, correction=False)
    g = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
    same("chi-squared", found["chi_squared"], chi.statistic, 1e-10)
    same("G", found["g"], g.statistic, 1e-10)
    same("p by the limit law", found["p_limit"], g.pvalue, 1e-9)
    same("plug-in information, bit", found["plug_in_bits"], mutual_info_score(*labels) / np.log(2), 1e-10)

    positive = a > 0.7
    show("ROC area, scikit-learn roc_auc_score, 2,500 scores", timed(lambda: roc_auc_score(positive, b)), times["auc"])
    same("area", found["auc"], roc_auc_score(positive, b), 1e-12)
    same("its standard error (DeLong)", found["auc_standard_error"], delong_error(b, positive), 1e-10)
    ranks = stats.mannwhitneyu(b[positive], b[~positive], use_continuity=False, method="asymptotic")
    same("its p (Mann-Whitney)", found["auc_p"], ranks.pvalue, 1e-9)
    welch = stats.ttest_ind(b[positive], b[~positive], equal_var=False)
    same("Welch's t", found["t"], welch.statistic, 1e-10)
    same("its p", found["t_p"], welch.pvalue, 1e-9)
    power = lambda nc: stats.ncx2.sf(stats.chi2.isf(0.05, 49), 49, nc) - 0.8  # noqa: E731
    smallest = optimize.brentq(power, 1, 100) / (2 * 2_546 * np.log(2))
    same("smallest detectable information, bit", found["smallest_bits"], smallest, 1e-7)


main()
