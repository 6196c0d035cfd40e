#!/usr/bin/env python3
"""Measures our release benches beside scikit-learn and reservoirpy: same arrays, one run, one thread each.

Writes the arrays under target/peers, runs `cargo bench --bench peers` on them, runs the peers on them, checks that both
found the same weights and states, and prints times, ratios, and how our costs grow. See environment.py for the times.
"""

from environment import FOLDER, enter, machine, ours, timed

LAMBDA = 1e-6

enter(__file__)

import numpy as np  # noqa: E402
import reservoirpy  # noqa: E402
import scipy.sparse  # noqa: E402
import sklearn  # noqa: E402
from reservoirpy.nodes import RLS, Reservoir  # noqa: E402
from sklearn.linear_model import Ridge  # noqa: E402


def write(name, values):
    np.ascontiguousarray(values, dtype="<f8").tofile(FOLDER / name)


def read(name):
    return np.fromfile(FOLDER / name, dtype="<f8")


def show(what, peer, us):
    print(f"{what:<58} {peer[0]:8.4f} ({peer[1]:.4f})  {us[0]:8.4f} ({us[1]:.4f})  {peer[0] / us[0]:6.2f}")


def main():
    rng = np.random.default_rng(1)
    cases = []
    for rows, columns in ((10_000, 1_000), (100_000, 200)):
        x = rng.random((rows, columns))
        y = x @ rng.normal(size=columns) + rng.normal(size=rows)
        write(f"x{columns}.f64", x.T)
        write(f"y{columns}.f64", y)
        cases.append((rows, columns, x, y))
    u = 0.5 * rng.random(10_000)
    write("u.f64", u)
    online = rng.random((2_000, 200))
    write("rls.f64", online)

    times = ours("peers")
    print(f"numpy {np.__version__}, scikit-learn {sklearn.__version__}, reservoirpy {reservoirpy.__version__}, "
          f"{machine()}")
    square = rng.random((2_000, 2_000))
    rate = 2 * 2_000**3 / timed(lambda: square @ square)[0]
    print(f"{'processor seconds (wall)':<58} {'peer':>17}  {'ours':>17}  {'ratio':>6}")
    for rows, columns, x, y in cases:
        # Ours penalises standardised features, per sample; theirs raw ones, summed. The variances are all 1/12.
        size = f"T={rows} N={columns}"
        fit = lambda: Ridge(alpha=LAMBDA * rows / 12, solver="cholesky").fit(x, y)  # noqa: B023, E731
        weights = fit().coef_
        apart = np.abs(weights - read(f"w{columns}.f64")).max() / np.abs(weights).max()
        peer = timed(fit)
        show(f"ridge, scikit-learn cholesky, {size}", peer, times[f"ridge {rows} {columns}"])
        show(f"ridge, numpy's product X'X alone, {size}", timed(lambda: x.T @ x), times[f"ridge {rows} {columns}"])  # noqa: B023
        least = rows * columns**2 / rate
        print(f"    that product's lower half at numpy's best rate, {rate / 1e9:.1f} GFlop/s, takes {least:.4f}")
        single, path = times[f"ridge {rows} {columns}"], times[f"path {rows} {columns}"]
        print(f"    weights agree to {apart:.0e}; path of 30 penalties costs {path[0] / single[0]:.2f} fits")
        assert apart < 1e-6, apart

    nodes = 1_000
    recurrent = scipy.sparse.csr_matrix(read("w.f64").reshape(nodes, nodes).T)
    reservoir = Reservoir(
        units=nodes, lr=0.9, W=recurrent, Win=read("win.f64").reshape(nodes, 1),
        bias=read("bias.f64"), seed=1,
    )
    drive = u.reshape(-1, 1)

    def run():
        if reservoir.initialized:
            reservoir.reset()
        return reservoir.run(drive)

    apart = np.abs(run()[-1] - read("last.f64")).max()
    show("network, reservoirpy, 1,000 nodes, 10,000 steps", timed(run), times["esn 1000"])
    print(f"    states agree to {apart:.0e}; {recurrent.nnz} weights")
    assert apart < 1e-9, apart

    target = online[:, :1]
    peer = timed(lambda: RLS(alpha=1e-6).fit(online, target))
    show("RLS, reservoirpy, 200 features, 2,000 steps", peer, times["rls 2000 200"])

    print("\nhow our costs grow, in processor milliseconds, and with what power of the size")
    for what in ("fit:T", "path:T", "fit:N", "path:N", "esn:N"):
        sizes, costs = [], []
        for name, (cpu, _) in times.items():
            if name.startswith(f"growth {what} "):
                sizes.append(int(name.split()[-1]))
                costs.append(cpu)
        power = np.polyfit(np.log(sizes), np.log(costs), 1)[0]
        row = "  ".join(f"{size}: {1e3 * cost:.1f}" for size, cost in zip(sizes, costs))
        print(f"{what:<8} {row}   power {power:.2f}")


main()
