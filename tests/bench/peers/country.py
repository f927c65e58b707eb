"""What a night of many schools costs elsewhere, on the same input: the floor, and peers that can do a part of the job.

The floor writes the bytes that navette wrote, under the same names with the same fsyncs, and inserts the rows that
navette inserted, one transaction a school, and does nothing else. The Python peer reads the feeds, keeps pupils and
demands in SQLite and writes complete lots with lxml, as a good Python programmer would: it neither checks the rules, nor
plans, nor would it survive a crash. `xmllint` validates the lots; DuckDB reads the feeds and tells what changed.
"""

import hashlib
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

try:
    import duckdb
except ImportError:
    duckdb = None
try:
    from lxml import etree
except ImportError:
    etree = None

TABLES = ("pupil", "demand", "window_event", "lot", "night", "lease")
FILES_A_CALL = 500


def measured(what, row, schools, work, who=resource.RUSAGE_SELF):
    """Does the work; its seconds. No memory is told: it would be this process's, whatever that did before."""
    before, start = resource.getrusage(who), time.perf_counter()
    work()
    took, after = time.perf_counter() - start, resource.getrusage(who)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    row(what, took, processor, None, schools)
    return took


def sync_folder(folder):
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def publish(folder, name, data):
    """Temporary name, fsync, rename, fsync of the folder; then the digest likewise."""
    line = f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode()
    for name, data in ((name, data), (f"{name}.sha256", line)):
        temporary = folder / f".{name}.tmp"
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, folder / name)
        sync_folder(folder)


def first_lots(folder):
    return sorted((folder / "files").glob("*/*/demandes/*-00001.xml"))


def floor(folder, row, schools):
    """The first night's bytes, fsyncs and rows; its seconds."""
    scratch = folder / "floor"
    (scratch / "import").mkdir(parents=True)
    source = sqlite3.connect(folder / "navette.db")
    target = sqlite3.connect(scratch / "floor.db", isolation_level=None)
    target.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
    shapes = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'"
    for (shape,) in source.execute(shapes).fetchall():
        target.execute(shape)
    ready = []
    for path in first_lots(folder):
        uai = path.name.split("-")[0]
        tables = [(table, source.execute(f"SELECT * FROM {table} WHERE uai = ?", [uai]).fetchall()) for table in TABLES]
        ready.append((uai, path.name, path.read_bytes(), tables))

    def work():
        for uai, name, data, tables in ready:
            target.execute("BEGIN IMMEDIATE")
            for table, rows in tables:
                if rows:
                    marks = ",".join("?" * len(rows[0]))
                    target.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            target.execute("COMMIT")
            own = scratch / "files" / uai
            own.mkdir(parents=True)
            publish(own, name, data)
            publish(scratch / "import", name, data)

    with closing(source), closing(target):
        took = measured("the floor of the first night", row, schools, work)
    shutil.rmtree(scratch)
    return took


def feeds(folder):
    return sorted((folder / "far/teleservice/evenements").glob("*-EVT-0000000001-*.ndjson"))


def python_night(folder, scratch):
    """Feeds to SQLite, and complete lots."""
    database = sqlite3.connect(scratch / "peer.db", isolation_level=None)
    database.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE pupil (uai, id, ine, division, last_name, first_name, PRIMARY KEY (uai, id));"
        "CREATE TABLE demand (uai, pupil, version, by_whom, at, choices, PRIMARY KEY (uai, pupil, version));"
    )
    (scratch / "import").mkdir()
    for path in feeds(folder):
        school = path.name.split("-EVT-")[0]
        events = [json.loads(line) for line in path.read_bytes().splitlines()]
        pupils = {event["eleve_id"]: event for event in events if event["type"] == "ELEVE"}
        demands = {event["eleve_id"]: event for event in events if event["type"] == "DEMANDE"}
        database.execute("BEGIN IMMEDIATE")
        database.executemany(
            "INSERT INTO pupil VALUES (?, ?, ?, ?, ?, ?)",
            [(school, it["eleve_id"], it.get("ine"), it["division"], it["nom"], it["prenom"]) for it in pupils.values()],
        )
        database.executemany(
            "INSERT INTO demand VALUES (?, ?, ?, ?, ?, ?)",
            [
                (school, it["eleve_id"], it["version"], it["representant_id"], it["le"], json.dumps(it["choix"]))
                for it in demands.values()
            ],
        )
        database.execute("COMMIT")
        publish(scratch / "import", f"{school}-DEM-3E-DEFINITIVE-00001.xml", lot(pupils, demands))
    database.close()


def lot(pupils, demands):
    root = etree.Element("ORIENTATION_DEMANDES", VERSION="1.0")
    rows = etree.SubElement(root, "DONNEES")
    for pupil in sorted(pupils.values(), key=lambda it: (it["division"], it["eleve_id"])):
        demand = demands.get(pupil["eleve_id"])
        one = etree.SubElement(rows, "DEMANDE" if demand else "SANS_SAISIE", ELEVE_ID=str(pupil["eleve_id"]))
        for name, key in (("DIVISION", "division"), ("NOM", "nom"), ("PRENOM", "prenom")):
            etree.SubElement(one, name).text = pupil[key]
        if demand:
            one.set("VERSION", str(demand["version"]))
            etree.SubElement(one, "VALIDEE_LE").text = demand["le"]
            for choice in demand["choix"]:
                wish = etree.SubElement(one, "CHOIX", RANG=str(choice["rang"]))
                for name, key in (("VOIE", "voie"), ("FORMATION", "formation"), ("STATUT", "statut")):
                    if choice.get(key):
                        etree.SubElement(wish, name).text = choice[key]
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def validate(folder, schema):
    names = [str(path) for path in first_lots(folder)]
    for at in range(0, len(names), FILES_A_CALL):
        command = ["xmllint", "--noout", "--stream", "--schema", str(schema), *names[at : at + FILES_A_CALL]]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def difference(folder):
    """What the second night's feeds say that the first one's did not."""
    events = folder / "far/teleservice/evenements"
    database = duckdb.connect()
    read = "SELECT eleve_id, version, choix FROM read_json('{}', format = 'newline_delimited', union_by_name = true)"
    old = read.format(events / "*-EVT-0000000001-*.ndjson") + " WHERE type = 'DEMANDE'"
    new = read.format(events / "*.ndjson") + " WHERE type = 'DEMANDE'"
    database.execute(f"SELECT COUNT(*) FROM ({new} EXCEPT {old})").fetchall()


def peers(folder, navette, row, schools):
    scratch = Path(folder) / "peer"
    scratch.mkdir()
    if etree:
        measured("Python: feeds to SQLite, lots by lxml", row, schools, lambda: python_night(folder, scratch))
    else:
        print("  lxml is not installed: the Python peer is left out")
    schema = scratch / "demandes.xsd"
    schema.write_bytes(subprocess.run([navette, "schema", "demandes"], check=True, capture_output=True).stdout)
    if shutil.which("xmllint"):
        children = resource.RUSAGE_CHILDREN
        measured("xmllint: the lots against their schema", row, schools, lambda: validate(folder, schema), children)
    else:
        print("  xmllint is not installed: it is left out")
    if duckdb:
        measured("DuckDB: feeds read, the nights' difference", row, schools, lambda: difference(folder))
    else:
        print("  duckdb is not installed: it is left out")
    shutil.rmtree(scratch)
