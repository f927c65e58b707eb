//! `BEE_RESPONSABLES`: who legally represents whom. Other contacts, addresses and telephones are passed over.

use crate::codec::{
    Fault, Report,
    strict::StrictReader,
    xml::{
        roster::{Field, fields, id_of, identifier, name, of_pupil, optional, pass, section},
        spaced,
    },
};
use crate::domain::{
    pupil::PupilId,
    roster::{RosterPeople, RosterPerson},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::BufRead,
};

/// People, and ties to pupils, of one file: some four a pupil.
const ROWS_MAX: u32 = 100_000;
/// `NIVEAU_RESPONSABILITE` of legal representatives; two persons may have it for one pupil.
const LEGAL: &str = "1";
/// Values of the former `RESP_LEGAL` of the two legal representatives; 0 was any other contact.
const FORMERLY_LEGAL: [&str; 2] = ["1", "2"];

/// The persons by whom a pupil is represented, each with the line on which that is said.
type Ties = BTreeMap<PupilId, BTreeMap<i64, u64>>;

/// Reads what `DONNEES` holds: `PERSONNES` and `RESPONSABLES`, in any order.
pub(in crate::codec::xml::roster) fn read<R: BufRead>(
    reader: &mut StrictReader<R>,
    report: Report<'_>,
) -> Result<RosterPeople, Fault> {
    let (mut persons, mut ties) = (BTreeMap::new(), Ties::new());
    let (mut persons_left, mut ties_left) = (ROWS_MAX, ROWS_MAX);
    let line = reader.line();
    while reader.on_open() {
        match reader.name() {
            "PERSONNES" => section(reader, "PERSONNE", &mut persons_left, report, |reader, report| {
                read_person(reader, &mut persons, report)
            })?,
            "RESPONSABLES" => {
                section(reader, "RESPONSABLE_ELEVE", &mut ties_left, report, |reader, report| {
                    read_tie(reader, &mut ties, report)
                })?;
            }
            _ => pass(reader)?,
        }
    }
    if ties.is_empty() {
        return Err(Fault::new(line, "NOMBRE", "no legal representative could be read: export the file again, whole"));
    }
    let mut people = RosterPeople::new();
    for (pupil, persons_of) in ties {
        let mut named = BTreeSet::new();
        for (person, line) in persons_of {
            match persons.get(&person) {
                Some(known) => {
                    named.insert(RosterPerson::clone(known));
                }
                None => report(of_pupil(pupil, Fault::new(line, "INCONNU", NOBODY))),
            }
        }
        people.insert(pupil, named.into_iter().collect());
    }
    Ok(people)
}

const NOBODY: &str = "a representative is not among PERSONNES: export the file again, whole";

fn read_person<R: BufRead>(
    reader: &mut StrictReader<R>,
    persons: &mut BTreeMap<i64, RosterPerson>,
    report: Report<'_>,
) -> Result<(), Fault> {
    let line = reader.line();
    let id = id_of(reader, "PERSONNE_ID")?;
    let [last, old_last, first] = fields(reader, ["NOM_DE_FAMILLE", "NOM", "PRENOM"])?;
    let last_name = optional(last.or(old_last), name, report).unwrap_or_else(|| spaced(""));
    let first_name = optional(first, name, report).unwrap_or_else(|| spaced(""));
    if persons.insert(id, RosterPerson { last_name, first_name }).is_some() {
        let message = format!("PERSONNE_ID {id} stands twice, of which the last is taken: export the file again");
        report(Fault::new(line, "DOUBLON", message));
    }
    Ok(())
}

fn read_tie<R: BufRead>(reader: &mut StrictReader<R>, ties: &mut Ties, report: Report<'_>) -> Result<(), Fault> {
    let line = reader.line();
    let values = fields(reader, ["ELEVE_ID", "PERSONNE_ID", "NIVEAU_RESPONSABILITE", "RESP_LEGAL"])?;
    // The row is behind us: its faults are told, and do not make the next one be passed over.
    match tie(line, values) {
        Ok(Some((pupil, person))) => {
            ties.entry(pupil).or_default().insert(person, line);
        }
        Ok(None) => (),
        Err(fault) => report(fault),
    }
    Ok(())
}

/// A pupil and who represents the pupil; none for any other contact.
fn tie(line: u64, [pupil, person, rank, old_rank]: [Option<Field>; 4]) -> Result<Option<(PupilId, i64)>, Fault> {
    let id = |field: Option<Field>, name: &str| match field {
        Some(field) => field.parse(identifier),
        None => Err(Fault::new(line, "BALISE", format!("{name} is missing: export the file again, whole"))),
    };
    let pupil = PupilId(id(pupil, "ELEVE_ID")?);
    let person = id(person, "PERSONNE_ID").map_err(|fault| of_pupil(pupil, fault))?;
    let legal = match (rank, old_rank) {
        (Some(rank), _) => rank.text == LEGAL,
        (None, Some(rank)) => FORMERLY_LEGAL.contains(&rank.text.as_str()),
        (None, None) => {
            let message = "NIVEAU_RESPONSABILITE is missing: enter in SIECLE who represents the pupil";
            return Err(of_pupil(pupil, Fault::new(line, "VALEUR", message)));
        }
    };
    Ok(legal.then_some((pupil, person)))
}
