"""The nights of many schools, over folders: `navette run` by the program as it is built, with the far sides' part played
here between the runs, unmeasured.

    national.py NAVETTE SCHOOLS [PUPILS]

Prints one line a night: wall time, processor time a school, and most memory. What the nights left is checked by count.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "peers"))
import country  # noqa: E402

DAY_MS = 24 * 3600 * 1000
PHASE = "DEFINITIVE"
# navette ends with 3 and 4 where there is something to read, or the guard defers: neither happens here but on purpose.
FINE = (0,)
# How often the memory of a run is looked at.
LOOK_S = 0.01


def stamp(hours=0):
    return (datetime.now(timezone.utc) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def memory_kb(process):
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def publish(folder, name, data):
    (folder / name).write_bytes(data)
    (folder / f"{name}.sha256").write_text(f"{hashlib.sha256(data).hexdigest()}  {name}\n")


class FarSides:
    """What the téléservice and Siècle do between two nights, on their folders."""

    def __init__(self, folder):
        self.events = folder / "teleservice/evenements"
        self.orders = folder / "teleservice/ordres"
        self.siecle = folder / "siecle"
        self.last = {}
        for path in sorted(self.events.glob("*.ndjson")):
            school, span = path.stem.split("-EVT-")
            self.last[school] = max(self.last.get(school, 0), int(span.split("-")[1]))

    def emit(self, school, events):
        first = self.last[school] + 1
        lines = [json.dumps({**event, "seq": seq}, ensure_ascii=False) for seq, event in enumerate(events, first)]
        self.last[school] = first + len(lines) - 1
        name = f"{school}-EVT-{first:010}-{self.last[school]:010}.ndjson"
        publish(self.events, name, ("\n".join(lines) + "\n").encode())

    def obey(self):
        """Every window order: the event that shows it, and the order is gone."""
        for path in sorted(self.orders.glob("*-OUV-*.json")):
            uai, year, level, phase, _, _ = path.stem.split("-")
            order = json.loads(path.read_bytes())
            event = {"type": "OUVERTURE", "le": stamp(), "palier": level, "phase": phase}
            event |= {"ouvert": order["ouvert"], "motif": order["motif"], "ordre": order["ordre"]}
            self.emit(f"{uai}-{year}", [event])
            Path(f"{path}.sha256").unlink()
            path.unlink()

    def treat(self):
        """Every lot: taken whole, with its receipt."""
        for path in sorted((self.siecle / "import").glob("*.xml")):
            head, _, _ = path.read_text(encoding="utf-8").partition("</PARAMETRES>")
            head = head[head.index("<PARAMETRES>") :]
            count = int(head.split("<NB_DEMANDES>")[1].split("<")[0])
            count += int(head.split("<NB_SANS_SAISIE>")[1].split("<")[0])
            receipt = (
                f'<?xml version="1.0" encoding="UTF-8"?>\n<ORIENTATION_COMPTE_RENDU VERSION="1.0">{head}'
                f"<TRAITE_LE>{stamp()}</TRAITE_LE></PARAMETRES>"
                f'<BILAN TRAITES="{count}" COMPLETS="{count}" PARTIELS="0" REJETES="0" ABSENTS="0"/>'
                "</ORIENTATION_COMPTE_RENDU>\n"
            )
            publish(self.siecle / "report", path.name.replace("-DEM-", "-CR-"), receipt.encode())
            digest = Path(f"{path}.sha256")
            digest.rename(self.siecle / "imported" / digest.name)
            path.rename(self.siecle / "imported" / path.name)

    def change(self, schools, pupils):
        """Some families of each of these schools validate again."""
        for school in schools:
            demands = self.demands(school)[:pupils]
            self.emit(school, [{**demand, "version": demand["version"] + 1, "le": stamp()} for demand in demands])

    def demands(self, school):
        found = {}
        for path in sorted(self.events.glob(f"{school}-EVT-*.ndjson")):
            for line in path.read_bytes().splitlines():
                event = json.loads(line)
                if event["type"] == "DEMANDE":
                    found[event["eleve_id"]] = event
        return list(found.values())

    def respond(self):
        """Every council has answered every pupil."""
        council, entered = stamp(-48)[:10], stamp(-24)
        for school in self.last:
            pupils, demands = {}, {}
            for path in sorted(self.events.glob(f"{school}-EVT-*.ndjson")):
                for event in map(json.loads, path.read_bytes().splitlines()):
                    if event["type"] == "ELEVE":
                        pupils[event["eleve_id"]] = event["division"]
                    if event["type"] == "DEMANDE":
                        demands[event["eleve_id"]] = event
            rows = []
            for pupil, division in sorted(pupils.items(), key=lambda item: (item[1], item[0])):
                demand = demands.get(pupil)
                version = f' VERSION_DEMANDE="{demand["version"]}"' if demand else ""
                track, asked = (demand["choix"][0]["voie"], "O") if demand else ("2GT", "N")
                rows.append(
                    f'<REPONSE ELEVE_ID="{pupil}"{version} SAISIE_LE="{entered}"><DIVISION>{division}</DIVISION>'
                    f'<CONSEIL>{council}</CONSEIL><PROPOSITION VOIE="{track}" DEMANDEE="{asked}" VALEUR="OUI"/></REPONSE>'
                )
            uai, year = school.split("-")
            head = (
                f"<UAJ>{uai}</UAJ><ANNEE_SCOLAIRE>{year}</ANNEE_SCOLAIRE><PALIER>3E</PALIER><PHASE>{PHASE}</PHASE>"
                f"<NUM_ENVOI>1</NUM_ENVOI><HORODATAGE>{stamp()}</HORODATAGE><LOGICIEL>siecle</LOGICIEL>"
                f"<NB_REPONSES>{len(rows)}</NB_REPONSES><SAISIE_TERMINEE_LE>{entered}</SAISIE_TERMINEE_LE>"
            )
            text = f'<?xml version="1.0" encoding="UTF-8"?>\n<ORIENTATION_REPONSES VERSION="1.0"><PARAMETRES>{head}'
            text += f"</PARAMETRES><DONNEES>{''.join(rows)}</DONNEES></ORIENTATION_REPONSES>\n"
            publish(self.siecle / "export", f"{school}-REP-3E-{PHASE}-00001.xml", text.encode())


class Country:
    """One installation, and the measures of its nights."""

    def __init__(self, navette, schools, pupils):
        self.navette, self.schools = navette, schools
        self.folder = Path(tempfile.mkdtemp(prefix="navette-national-"))
        make = [navette, "sandbox", "--schools", str(schools), "--pupils", str(pupils), "--seed", "1"]
        make += ["--transport", "directory", "--path", str(self.folder / "far"), "--out", str(self.folder)]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        self.far = FarSides(self.folder / "far")

    def run(self, what, *arguments):
        """Runs the program, prints its measures; the seconds it took."""
        environment = os.environ | {"NAVETTE_CONFIG": "navette.toml", "NAVETTE_LOG": "error"}
        with tempfile.TemporaryFile() as out:
            start = time.perf_counter()
            process = subprocess.Popen([self.navette, *arguments], cwd=self.folder, stdout=out, env=environment)
            peak, ended = 0, 0
            while not ended:
                # Its own high-water mark: what `wait4` tells counts the memory of this process before the `exec`, too.
                peak = memory_kb(process.pid) or peak
                time.sleep(LOOK_S)
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            took = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            if process.returncode not in FINE:
                sys.exit(f"{what}: {arguments} ended with {process.returncode}: {out.read().decode()[-2000:]}")
        if what:
            row(what, took, usage.ru_utime + usage.ru_stime, peak * 1024 / 1e6, self.schools)
        return took

    def sql(self, sql, *values):
        with closing(sqlite3.connect(self.folder / "navette.db")) as database, database:
            return database.execute(sql, values).fetchall()

    def expect(self, count, sql):
        ((found,),) = self.sql(sql)
        if found != count:
            sys.exit(f"{sql} answers {found}, not {count}")

    def next_night(self):
        """As if every night had been the one before: last night is due again."""
        self.sql("UPDATE night SET date = date(date, '-1 day')")


def row(what, wall, processor, megabytes, schools):
    each, memory = processor * 1e3 / schools, f"{megabytes:7.1f} MB" if megabytes else ""
    print(f"| {what:<44} | {wall:8.1f} s | {each:7.2f} ms a school | {memory:>10} |", flush=True)


def nights(place):
    far, schools = place.far, place.schools
    # The calendars come before the pupils do, so that the first night reads every feed from 1.
    aside = far.events.with_name("aside")
    far.events.rename(aside)
    far.events.mkdir()
    place.run("calendar load", "calendar", "load", "calendrier.csv")
    far.events.rmdir()
    aside.rename(far.events)
    place.sql("UPDATE school SET first_calendar_at_ms = first_calendar_at_ms - ?", 2 * DAY_MS)
    night = place.run("first full night", "run")
    place.expect(schools, "SELECT COUNT(*) FROM lot WHERE state = 'sent'")
    far.treat()
    place.run("receipts taken", "run")
    place.expect(schools, "SELECT COUNT(*) FROM lot WHERE state = 'acknowledged'")
    place.next_night()
    place.run("nothing new", "run")
    place.expect(schools, "SELECT COUNT(*) FROM lot")
    place.run("nothing due", "run")
    changed = sorted(far.last)[: schools * 6 // 10]
    far.change(changed, 2)
    place.next_night()
    place.run("1 % of pupils changed, in 60 % of schools", "run")
    place.expect(schools + len(changed), "SELECT COUNT(*) FROM lot")
    far.treat()
    place.run("", "run")
    return night


def responses(place):
    """The councils were two days ago, the closing two days before them."""
    far = place.far
    place.sql("UPDATE campaign SET opens_ms = opens_ms - ?1, closes_ms = closes_ms - ?1", 14 * DAY_MS)
    place.sql("UPDATE council SET starts_at_ms = starts_at_ms - ?", 15 * DAY_MS)
    place.run("", "run")
    far.obey()
    place.run("closing read, complete lots", "run")
    far.treat()
    place.run("", "run")
    far.respond()
    place.next_night()
    place.run("all responses back and carried", "run")
    ((count,),) = place.sql("SELECT COUNT(*) FROM response WHERE order_number IS NOT NULL")
    print(f"  {count} responses carried")


def main(navette, schools, pupils="121"):
    schools = int(schools)
    print(f"{schools} schools of {pupils} pupils")
    one = Country(str(Path(navette).resolve()), schools, int(pupils))
    try:
        night = nights(one)
        floor = country.floor(one.folder, row, schools)
        print(f"  the first night took {night / floor:.2f} times the floor")
        country.peers(one.folder, one.navette, row, schools)
        responses(one)
    finally:
        shutil.rmtree(one.folder)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
