#!/usr/bin/env python3
"""Reads our exports with the libraries that they are for.

Makes a virtual environment under target/exports on first use (the packages come from PyPI), then

- runs every shell line and every Python snippet of docs/exports.md, in order, in an empty folder;
- holds Parquet, CSV and NPZ of every table of that capture, and of an imported one with headers, against the SQLite
  file itself: every row and column, missing where it is missing, and units and provenance in the metadata.

Prints what was compared. Needs `cargo`, which builds the program if it is not built.
"""

import csv
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
HOME = TARGET / "exports" / "venv"
PACKAGES = ["numpy", "polars", "pyarrow", "reservoirpy"]


def enter_environment():
    """Runs this file again inside the virtual environment."""
    python = HOME / "bin" / "python"
    done = HOME / "complete"
    if not done.exists():
        print("making", HOME, flush=True)
        venv.create(HOME, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        done.touch()
    if pathlib.Path(sys.prefix) != HOME:
        sys.exit(subprocess.run([python, __file__]).returncode)


enter_environment()

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

TABLES = ["shares", "jobs", "telemetry", "steps"]


def check(holds, what):
    if not holds:
        sys.exit(f"FAILED: {what}")


def page():
    """The documentation's snippets, each run in one and the same interpreter."""
    text = (ROOT / "docs" / "exports.md").read_text()
    snippets = re.findall(r"^```(sh|python)\n(.*?)^```", text, re.M | re.S)
    check(len(snippets) >= 6, "docs/exports.md has its snippets")
    names = {}
    for language, snippet in snippets:
        if language == "sh":
            subprocess.run(["sh", "-e", "-c", snippet], check=True, stdout=subprocess.DEVNULL)
        else:
            exec(compile(snippet, "docs/exports.md", "exec"), names)
    score = float(np.sqrt(np.mean((names["found"].ravel() - names["y"][names["test"]]) ** 2) / np.var(names["y"][names["test"]])))
    check(score < 1.0, f"the readout of the page beats the mean (NRMSE {score:.3f})")
    print(f"docs/exports.md: {len(snippets)} snippets run, the readout's NRMSE is {score:.3f} (simulated)")


def export(capture, what, form, *more):
    out = pathlib.Path(f"{pathlib.Path(capture).stem}-{what}.{form}")
    out.unlink(missing_ok=True)
    command = ["thermine", "capture", "export", capture, "--format", form, "--what", what, "-o", out, *more]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return out


def from_csv(path, kinds):
    """Heading without units, units, and rows in the types of the Parquet file."""
    with open(path, newline="", encoding="utf-8") as file:
        heading, *rows = csv.reader(file)
    named = [re.fullmatch(r"(.*?)(?: \[(.*)\])?", name).groups() for name in heading]

    def cell(text, kind):
        if pa.types.is_string(kind):
            return text
        if text == "":
            return None
        if pa.types.is_binary(kind):
            return bytes.fromhex(text)
        return int(text) if pa.types.is_integer(kind) else float(text)

    cells = [[cell(text, kind) for text, kind in zip(row, kinds)] for row in rows]
    return [name for name, _ in named], {name: unit for name, unit in named if unit}, cells


def from_npz(path, schema):
    archive = np.load(path)
    columns = []
    for field in schema:
        values = archive[field.name]
        if pa.types.is_floating(field.type):
            check(values.dtype == np.float64, f"{path} {field.name} is float64")
            column = [None if np.isnan(value) else float(value) for value in values]
        else:
            column = values.tolist()
            if pa.types.is_binary(field.type):
                column = [bytes.fromhex(text) for text in column]
            if field.nullable:
                known = archive[f"{field.name}.known"]
                check(known.dtype == np.bool_, f"{path} {field.name}.known is bool")
                column = [value if there else None for value, there in zip(column, known)]
        columns.append(column)
    return json.loads(archive["units"].item()), json.loads(archive["about"].item()), list(zip(*columns))


def empty_blobs(rows, kinds):
    """CSV cannot tell no bytes from missing bytes."""
    return [[None if pa.types.is_binary(kind) and not cell else cell for cell, kind in zip(row, kinds)] for row in rows]


def compare(capture, what, *more):
    table = pq.read_table(export(capture, what, "parquet", *more))
    schema = table.schema
    kinds = [field.type for field in schema]
    rows = [list(row.values()) for row in table.to_pylist()]
    units = json.loads(schema.metadata[b"thermine.units"])
    about = json.loads(schema.metadata[b"thermine.about"])
    check(units and set(units) <= set(schema.names), f"{what}: units are of columns")
    check(about["units"] == units, f"{what}: units are told")

    path = export(capture, what, "csv", *more)
    names, told, cells = from_csv(path, kinds)
    check(names == schema.names, f"{what}: CSV has the same columns")
    check(told == units, f"{what}: CSV has the same units")
    check(cells == empty_blobs(rows, kinds), f"{what}: CSV has the same rows")
    check(json.load(open(f"{path}.json")) == about, f"{what}: CSV has the same provenance beside it")

    told, said, cells = from_npz(export(capture, what, "npz", *more), schema)
    check(told == units, f"{what}: NPZ has the same units")
    check(said == about, f"{what}: NPZ has the same provenance")
    check([list(row) for row in cells] == rows, f"{what}: NPZ has the same rows")

    run = sqlite3.connect(capture).execute("SELECT seed, config_hash, provenance FROM run").fetchone()
    for key, value in zip(("seed", "configuration", "provenance"), run):
        found = schema.metadata[f"thermine.{key}".encode()].decode()
        # Exports are for people: "unverified device" is stored in one word.
        check(found == str(value).strip('"').replace("_", " "), f"{what}: {key} is told")
    print(f"{capture} {what}: {len(rows)} rows of {len(names)} columns, {len(units)} units; Parquet, CSV, NPZ alike")
    return table, units


def against_sqlite(capture, table, query, columns):
    stored = sqlite3.connect(capture).execute(query).fetchall()
    exported = list(zip(*(table.column(name).to_pylist() for name in columns)))
    check(stored == exported, f"{capture}: {', '.join(columns)} are as stored")
    print(f"{capture}: {len(stored)} rows of {', '.join(columns)} as stored")


def main():
    # The tests' own build: where they have run it is there already, and a build of the program alone would be another.
    subprocess.run(["cargo", "test", "--quiet", "--locked", "--workspace", "--no-run"], check=True, cwd=ROOT)
    os.environ["PATH"] = f"{TARGET.resolve() / 'debug'}:{os.environ['PATH']}"
    os.environ.pop("THERMINE_STORE", None)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        page()
        subprocess.run(
            ["thermine", "capture", "import", ROOT / "daemon/tests/data/antminer-s9-head.csv", "-o", "imported.sqlite"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for capture in ("demo/capture.sqlite", "imported.sqlite"):
            for what in TABLES:
                table, units = compare(capture, what)
                if what == "shares":
                    against_sqlite(
                        capture,
                        table,
                        "SELECT id, ticket, job_id, arrived_ns, since_job_ns, nonce, extranonce2, ntime, verdict, "
                        "difficulty FROM share ORDER BY id",
                        ["share", "ticket", "job_id", "arrived", "since_job", "nonce", "extranonce2", "ntime",
                         "verdict", "difficulty"],
                    )
                    check(units["since_job"] == "ns", "the unit of since_job is ns")
        states, _ = compare("demo/capture.sqlite", "states")
        (name,) = {path.name for path in pathlib.Path("demo").glob("states-*.csv")} & {
            f"states-{json.loads(states.schema.metadata[b'thermine.about'])['stream']}.csv"
        }
        with open(pathlib.Path("demo") / name, newline="", encoding="utf-8") as file:
            reported = list(csv.DictReader(file))
        units = json.loads(states.schema.metadata[b"thermine.units"])
        columns = 0
        for field in states.schema:
            heading = f"{field.name} [{units.get(field.name, '')}]"
            if heading in reported[0]:
                columns += 1
                check(
                    [float(row[heading]) for row in reported] == states.column(field.name).to_pylist(),
                    f"{heading} is as the run itself reported it",
                )
        check(columns >= 3, "the run's own report has the same columns")
        print(f"demo/{name}: {len(reported)} rows of {columns} columns as the run reported them")


main()
