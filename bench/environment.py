"""What the measurements beside other libraries share: a virtual environment, timing, and our benches.

Makes a virtual environment under target/peers on first use; the packages come from PyPI. Times are processor seconds,
the least of five runs, and beside them the wall's. On a machine that does other things, trust the first, and ratios more
than either.
"""

import os
import pathlib
import subprocess
import sys
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "peers"
PACKAGES = ["numpy", "scipy", "scikit-learn", "reservoirpy"]
RUNS = 5

# One thread each. A kernel that the environment asks for may not be this processor's own, and would slow the peer.
THREADS = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")}
KERNEL = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def enter(program):
    """Runs `program` again inside the virtual environment, unless it is there."""
    home = FOLDER / "venv"
    python = home / "bin" / "python"
    if pathlib.Path(sys.prefix) == home:
        return
    if not python.exists():
        print("making", home, flush=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        venv.create(home, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    environment = {name: value for name, value in os.environ.items() if name not in KERNEL}
    sys.exit(subprocess.run([python, program], env={**environment, **THREADS}).returncode)


def machine():
    """What the peers run on: the kernel of numpy's library, and how busy the machine is."""
    from threadpoolctl import threadpool_info

    kernels = {f"{found.get('internal_api')} {found.get('architecture', '')}".strip() for found in threadpool_info()}
    return f"{', '.join(sorted(kernels))}, load {os.getloadavg()[0]:.1f}, one thread each"


def timed(run):
    """Processor and wall seconds of the best of some runs."""
    best = [float("inf")] * 2
    for _ in range(RUNS):
        cpu, wall = time.process_time(), time.perf_counter()
        run()
        best[0] = min(best[0], time.process_time() - cpu)
        best[1] = min(best[1], time.perf_counter() - wall)
    return best


def ours(bench):
    """Our times by name, from a bench of the library; it finds the arrays in the folder."""
    command = ["cargo", "bench", "--quiet", "-p", "thermine-reservoir", "--bench", bench]
    environment = {**os.environ, **THREADS, "THERMINE_PEERS": str(FOLDER)}
    text = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    times = {}
    for line in text.splitlines():
        *name, cpu, wall = line.split()
        times[" ".join(name)] = (float(cpu), float(wall))
    return times
