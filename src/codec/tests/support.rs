//! Small right documents of each kind, as values and as files, and how they are read.

use crate::codec::{Fault, check::check, encode_lot, encode_receipt, encode_responses};
use crate::domain::{
    campaign::{CampaignKey, Phase},
    demand::{Acknowledgement, Choice, Choices, Demand, Formation, Reply},
    lot::{Document, Encoding, FileName, Format, Lot, LotCounts, LotHead, LotPupil, Receipt, ReceiptKind, ReceiptLine},
    pupil::{Division, Ine, Private, PupilId, RepresentativeId},
    response::{OpinionValue, RawResponse, RawVerdict, ResponseHead},
    school::{Level, SchoolKey, SchoolYear, Uai},
    time::{Timestamp, Zone, parse_date},
    track::{MefCode, Status, Track},
};

pub const NUMBER: u32 = 12;

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub fn key(phase: Phase) -> CampaignKey {
    let school = SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() };
    CampaignKey { school, level: Level::Troisieme, phase }
}

pub fn name(document: Document, phase: Phase) -> FileName {
    FileName { key: key(phase), document, number: NUMBER, format: Format::Xml }
}

pub fn pupil(id: i64, division: &str, last_name: &str, first_name: &str) -> LotPupil {
    LotPupil {
        id: PupilId(id),
        ine: None,
        division: Division::parse(division).unwrap(),
        last_name: Private::new(last_name.to_owned()),
        first_name: Private::new(first_name.to_owned()),
        demand: None,
        acknowledgement: None,
        reply: None,
    }
}

pub fn vocational(track: Track, label: &str, code: Option<&str>) -> Choice {
    let code = code.map(|code| MefCode::parse(code).unwrap());
    Choice::new(track, Some(Formation { label: label.to_owned(), code, status: Status::Apprentice })).unwrap()
}

pub fn demand(pupil: i64, phase: Phase, choices: Vec<Choice>) -> Demand {
    Demand {
        pupil: PupilId(pupil),
        phase,
        version: 2,
        representative: RepresentativeId(7),
        validated_at: at("2020-05-12T10:58:42+02:00"),
        choices: Choices::new(Level::Troisieme, choices).unwrap(),
        late: false,
    }
}

pub fn lot_of(phase: Phase, pupils: Vec<LotPupil>) -> Lot {
    let counts = LotCounts::of(&pupils);
    let stamped_at = at("2020-05-26T03:15:00+02:00");
    let head = LotHead { key: key(phase), number: NUMBER, stamped_at, zone: Zone::Europe__Paris, counts };
    Lot { head, pupils }
}

/// Three pupils: one who asks for two tracks, one who asks for nothing, one whose demand came late.
pub fn lot(phase: Phase) -> Lot {
    let mut first = pupil(100, "3 A", "TÊTU & \"FILS\"", "Zoé");
    first.ine = Some(Ine::parse("123456789AB").unwrap());
    let asked = vec![
        Choice::new(Track::SecondeGt, None).unwrap(),
        vocational(Track::SecondePro, "Métiers d'art < œuvre € >", Some("2472541231")),
    ];
    first.demand = Some(demand(100, phase, asked));
    let second = pupil(101, "3 A", "L'HAŸ", "Ada");
    let mut third = pupil(99, "3 B", "NOËL", "");
    third.demand = Some(Demand { late: true, ..demand(99, phase, vec![Choice::new(Track::SecondeGt, None).unwrap()]) });
    let (representative, at) = (RepresentativeId(8), at("2020-06-02T20:00:01.250+02:00"));
    match phase {
        Phase::Provisional => {
            first.acknowledgement = Some(Acknowledgement { representative, at });
            third.acknowledgement = Some(Acknowledgement { representative, at });
        }
        Phase::Definitive => {
            let accepted = vec![Track::SecondeGt, Track::SecondePro];
            first.reply = Some(Reply { representative, at, agrees: true, accepted });
            third.reply = Some(Reply { representative, at, agrees: false, accepted: Vec::new() });
        }
    }
    lot_of(phase, vec![first, second, third])
}

pub fn responses(phase: Phase) -> (ResponseHead, Vec<RawResponse>) {
    let track = || "2GT".to_owned();
    let verdicts = match phase {
        Phase::Provisional => vec![
            RawVerdict::Opinion { track: track(), value: OpinionValue::Favourable, reason: None },
            RawVerdict::Opinion {
                track: "2PRO".to_owned(),
                value: OpinionValue::Reserved,
                reason: Some(Private::new("à l'œuvre, mais « inégal » & <lent> : 10 €".to_owned())),
            },
        ],
        Phase::Definitive => vec![
            RawVerdict::Proposal { track: track(), requested: true, accepted: true },
            RawVerdict::Proposal { track: "2PRO".to_owned(), requested: false, accepted: false },
        ],
    };
    let row = |rank, id, version| RawResponse {
        rank,
        pupil: PupilId(id),
        ine: Ine::parse("1234A12345B").ok(),
        demand_version: version,
        entered_at: at("2020-05-28T18:05:00+02:00"),
        division: Division::parse("3 A").unwrap(),
        council: parse_date("2020-05-28").unwrap(),
        verdicts: verdicts.clone(),
        other_school: false,
    };
    let head = ResponseHead {
        key: key(phase),
        number: NUMBER,
        stamped_at: at("2020-05-28T19:00:00+02:00"),
        entry_complete_at: Some(at("2020-05-28T18:30:00+02:00")),
        responses: 2,
    };
    (head, vec![row(1, 100, Some(2)), row(2, 101, None)])
}

pub fn receipt() -> Receipt {
    let line = |kind, id, parameters: &[&str]| ReceiptLine {
        kind,
        code: "MEF_INCONNU".to_owned(),
        pupil: Some(PupilId(id)),
        rank: Some(1),
        parameters: parameters.iter().map(|text| Private::new((*text).to_owned())).collect(),
    };
    Receipt {
        key: key(Phase::Definitive),
        number: NUMBER,
        stamped_at: at("2020-05-26T03:15:00+02:00"),
        treated_at: at("2020-05-26T03:20:00+02:00"),
        counts: lot(Phase::Definitive).head.counts,
        treated: 3,
        complete: 1,
        partial: 1,
        rejected: 1,
        absent: 1,
        lines: vec![
            line(ReceiptKind::Rejected, 99, &["2472541231", "œ & <1>"]),
            line(ReceiptKind::Partial, 100, &[]),
            line(ReceiptKind::Absent, 98, &["", "1"]),
            ReceiptLine { pupil: None, rank: None, ..line(ReceiptKind::Modified, 0, &[]) },
        ],
    }
}

/// One right file of each kind, by name.
pub fn files(encoding: Encoding) -> Vec<(FileName, Vec<u8>)> {
    let mut files = Vec::new();
    for phase in Phase::ALL {
        files.push(encode_lot(&lot(phase), Format::Xml, encoding).unwrap());
        let (head, rows) = responses(phase);
        files.push(encode_responses(&head, Zone::Europe__Paris, &rows, Format::Xml, encoding).unwrap());
    }
    files.push(encode_receipt(&receipt(), Zone::Europe__Paris, encoding).unwrap());
    files.into_iter().map(|file| (file.name, file.bytes)).collect()
}

/// The right file of one kind, as text.
pub fn file(document: Document, phase: Phase) -> String {
    let wanted = name(document, phase);
    let (_, bytes) = files(Encoding::Utf8).into_iter().find(|(name, _)| *name == wanted).unwrap();
    String::from_utf8(bytes).unwrap()
}

pub fn faults(name: &str, bytes: &[u8]) -> Vec<Fault> {
    let mut faults = Vec::new();
    check(name, std::io::Cursor::new(bytes), &mut |fault| faults.push(fault));
    faults
}

pub fn codes(name: &str, bytes: &[u8]) -> Vec<&'static str> {
    faults(name, bytes).into_iter().map(|fault| fault.code).collect()
}
