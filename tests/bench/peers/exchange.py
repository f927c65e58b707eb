"""The documents of the exchange as a Python program would write and read them, with lxml and csv.

    exchange.py read|write FILE...

`write` reads FILE first, and measures only the writing. Prints for each FILE: its bytes and the best seconds of three.
Reading keeps what our own reading keeps (order, doubles, shapes, codes), as far as a few lines of Python tell it.
"""

import csv
import io
import re
import sys
import time
from datetime import date, datetime
from pathlib import Path

from lxml import etree

INE = re.compile(r"[0-9]{9}[A-Za-z]{2}|[0-9]{10}[A-Za-z]|[0-9]{4}[Aa][0-9]{5}[A-Za-z]").fullmatch
MEF = re.compile(r"[0-9]{10,11}").fullmatch
CODE = re.compile(r"[0-9A-Za-z]{1,20}").fullmatch
DIVISION = re.compile(r"\S(.{0,6}\S)?").fullmatch
TRACKS = {"2GT", "2PRO", "1CAP"}
STATUSES = {"ST", "AP"}
OPINIONS = {"FAVORABLE", "RESERVE", "DEFAVORABLE"}
FORMULAS = ("=", "+", "-", "@")


def must(fine, what):
    if not fine:
        raise ValueError(what)


def spaced(text):
    return " ".join((text or "").split())


def one_choice(track, label, code, status):
    must(track in TRACKS, "VOIE")
    must((status is not None) == (track != "2GT"), "STATUT")
    must(status is None or status in STATUSES, "STATUT")
    must(code is None or MEF(code), "MEF")
    return track, spaced(label) if status else None, code, status


def one_verdict(track, value, reason):
    must(CODE(track) and value in OPINIONS, "AVIS")
    reason = spaced(reason) or None
    must((reason is not None) == (value != "FAVORABLE"), "MOTIF")
    return track, value, reason


class Roll:
    """Which pupils there were, and that they come in order."""

    def __init__(self):
        self.pupils = set()
        self.last = ("", -1)

    def enter(self, division, pupil):
        must(DIVISION(division), "DIVISION")
        must(pupil not in self.pupils, "DOUBLON")
        must(self.last < (division, pupil), "ORDRE")
        self.pupils.add(pupil)
        self.last = (division, pupil)


# XML


def elements(path, *tags):
    for _, element in etree.iterparse(path, events=("end",), tag=tags, resolve_entities=False, no_network=True):
        yield element
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def read_xml_demands(path):
    rolls = {"DEMANDE": Roll(), "SANS_SAISIE": Roll()}
    for element in elements(path, "DEMANDE", "SANS_SAISIE"):
        pupil, ine = int(element.get("ELEVE_ID")), element.get("INE")
        must(ine is None or INE(ine), "INE")
        division = element.findtext("DIVISION")
        rolls[element.tag].enter(division, pupil)
        names = spaced(element.findtext("NOM")), spaced(element.findtext("PRENOM"))
        demand = None
        if element.tag == "DEMANDE":
            choices = []
            for rank, choice in enumerate(element.iterfind("CHOIX"), 1):
                must(int(choice.get("RANG")) == rank <= 3, "RANG")
                formation = choice.find("FORMATION")
                label, code = (None, None) if formation is None else (formation.text, formation.get("CODE"))
                choices.append(one_choice(choice.findtext("VOIE"), label, code, choice.findtext("STATUT")))
            must(choices and len(set(choices)) == len(choices), "CHOIX")
            demand = (
                int(element.get("VERSION")),
                int(element.findtext("REPRESENTANT_ID")),
                datetime.fromisoformat(element.findtext("VALIDEE_LE")),
                element.get("TARDIVE"),
                choices,
            )
        yield pupil, ine, division, *names, demand


def write_xml_demands(out, pupils):
    with etree.xmlfile(out, encoding="UTF-8") as xml:
        xml.write_declaration()
        with xml.element("ORIENTATION_DEMANDES", VERSION="1.0"), xml.element("DONNEES"):
            for pupil, ine, division, last_name, first_name, demand in pupils:
                row = etree.Element("DEMANDE" if demand else "SANS_SAISIE", ELEVE_ID=str(pupil))
                if ine:
                    row.set("INE", ine)
                for tag, text in (("DIVISION", division), ("NOM", last_name), ("PRENOM", first_name)):
                    etree.SubElement(row, tag).text = text
                if demand:
                    version, representative, validated_at, late, choices = demand
                    row.set("VERSION", str(version))
                    if late:
                        row.set("TARDIVE", late)
                    etree.SubElement(row, "REPRESENTANT_ID").text = str(representative)
                    etree.SubElement(row, "VALIDEE_LE").text = validated_at.isoformat()
                    for rank, (track, label, code, status) in enumerate(choices, 1):
                        choice = etree.SubElement(row, "CHOIX", RANG=str(rank))
                        etree.SubElement(choice, "VOIE").text = track
                        if status:
                            formation = etree.SubElement(choice, "FORMATION")
                            formation.text = label
                            if code:
                                formation.set("CODE", code)
                            etree.SubElement(choice, "STATUT").text = status
                xml.write(row)


def read_xml_responses(path):
    pupils = set()
    for element in elements(path, "REPONSE"):
        pupil, ine = int(element.get("ELEVE_ID")), element.get("INE")
        must(pupil not in pupils, "DOUBLON")
        pupils.add(pupil)
        must(ine is None or INE(ine), "INE")
        version = element.get("VERSION_DEMANDE")
        division = element.findtext("DIVISION")
        must(DIVISION(division), "DIVISION")
        verdicts = [
            one_verdict(verdict.get("VOIE"), verdict.get("VALEUR"), verdict.findtext("MOTIF"))
            for verdict in element.iterfind("AVIS")
        ]
        must(verdicts, "AVIS")
        yield (
            pupil,
            ine,
            version and int(version),
            datetime.fromisoformat(element.get("SAISIE_LE")),
            division,
            date.fromisoformat(element.findtext("CONSEIL")),
            verdicts,
        )


def write_xml_responses(out, responses):
    with etree.xmlfile(out, encoding="UTF-8") as xml:
        xml.write_declaration()
        with xml.element("ORIENTATION_REPONSES", VERSION="1.0"), xml.element("DONNEES"):
            for pupil, ine, version, entered_at, division, council, verdicts in responses:
                row = etree.Element("REPONSE", ELEVE_ID=str(pupil), SAISIE_LE=entered_at.isoformat())
                if ine:
                    row.set("INE", ine)
                if version:
                    row.set("VERSION_DEMANDE", str(version))
                etree.SubElement(row, "DIVISION").text = division
                etree.SubElement(row, "CONSEIL").text = council.isoformat()
                for track, value, reason in verdicts:
                    verdict = etree.SubElement(row, "AVIS", VOIE=track, VALEUR=value)
                    if reason:
                        etree.SubElement(verdict, "MOTIF").text = reason
                xml.write(row)


# CSV


def rows(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=";", strict=True)
        header = next(reader)
        first = None
        for row in reader:
            must(len(row) == len(header), "CSV")
            first = first or row[:6]
            must(row[:6] == first, "ENVELOPPE")
            yield row[6:]


def unguarded(text):
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULAS) else text


def guarded(text):
    return "'" + text if text.lstrip("'").startswith(FORMULAS) else text


def read_csv_demands(path):
    roll = Roll()
    for row in rows(path):
        pupil, ine, division = int(row[0]), row[1] or None, unguarded(row[2])
        must(ine is None or INE(ine), "INE")
        roll.enter(division, pupil)
        names = spaced(unguarded(row[3])), spaced(unguarded(row[4]))
        demand = None
        if row[5] == "VALIDEE":
            must(row[9] in ("", "O"), "TARDIVE")
            choices = []
            for at in (10, 14, 18):
                track, label, code, status = row[at : at + 4]
                if track:
                    choices.append(one_choice(track, unguarded(label), code or None, status or None))
            must(choices and len(set(choices)) == len(choices), "CHOIX")
            demand = int(row[6]), int(row[7]), datetime.fromisoformat(row[8]), row[9] or None, choices
        else:
            must(row[5] == "SANS_SAISIE" and not any(row[6:22]), "etat")
        if row[22]:
            datetime.fromisoformat(row[22])
        must(not any(row[23:]), "accord")
        yield pupil, ine, division, *names, demand


ENVELOPE = ["0380001V", "2019", "3E", "PROVISOIRE", "1", "2020-05-26T03:15:00+02:00"]


def write_csv_demands(out, pupils):
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="", write_through=False)
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    for pupil, ine, division, last_name, first_name, demand in pupils:
        row = [*ENVELOPE, pupil, ine, guarded(division), guarded(last_name), guarded(first_name)]
        if demand:
            version, representative, validated_at, late, choices = demand
            row += ["VALIDEE", version, representative, validated_at.isoformat(), late]
            for track, label, code, status in choices:
                row += [track, guarded(label or ""), code, status]
            row += [""] * (4 * (3 - len(choices)) + 3)
        else:
            row += ["SANS_SAISIE", *[""] * 19]
        writer.writerow(row)
    text.flush()
    text.detach()


def read_csv_responses(path):
    for row in rows(path):
        if row[0]:
            datetime.fromisoformat(row[0])
        ine, division = row[2] or None, unguarded(row[5])
        must(ine is None or INE(ine), "INE")
        must(DIVISION(division), "DIVISION")
        must(row[9] == "", "demandee")
        yield (
            int(row[1]),
            ine,
            int(row[3]) if row[3] else None,
            datetime.fromisoformat(row[4]),
            division,
            date.fromisoformat(row[6]),
            [one_verdict(row[7], row[8], unguarded(row[10]))],
        )


def write_csv_responses(out, responses):
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="", write_through=False)
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    for pupil, ine, version, entered_at, division, council, verdicts in responses:
        for track, value, reason in verdicts:
            row = [*ENVELOPE, "", pupil, ine, version, entered_at.isoformat(), guarded(division), council.isoformat()]
            writer.writerow([*row, track, value, "", guarded(reason or "")])
    text.flush()
    text.detach()


DOCUMENTS = {
    "demands.xml": (read_xml_demands, write_xml_demands),
    "responses.xml": (read_xml_responses, write_xml_responses),
    "demands.csv": (read_csv_demands, write_csv_demands),
    "responses.csv": (read_csv_responses, write_csv_responses),
}


def best(run):
    took = []
    for _ in range(3):
        start = time.process_time()
        written = run()
        took.append(time.process_time() - start)
    return written, min(took)


def read(path):
    reader, _ = DOCUMENTS[path.name]
    _, took = best(lambda: sum(1 for _ in reader(str(path))))
    return path.stat().st_size, took


def write(path):
    reader, writer = DOCUMENTS[path.name]
    values = list(reader(str(path)))

    def run():
        out = io.BytesIO()
        writer(out, values)
        return out.tell()

    return best(run)


if __name__ == "__main__":
    measure = {"read": read, "write": write}[sys.argv[1]]
    for path in map(Path, sys.argv[2:]):
        written, took = measure(path)
        print(written, took)
