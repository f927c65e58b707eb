//! What is written reads back as it was, in both encodings, and nothing less than it all is accepted.

use crate::codec::{
    decode_lot, decode_receipt, decode_responses, encode_lot, encode_receipt, encode_responses,
    envelope::{one_spaced, same_lot},
    tests::support::{at, codes, demand, faults, file, files, lot, lot_of, pupil, receipt, responses, vocational},
};
use crate::domain::{
    campaign::Phase,
    lot::{Document, Encoding, Format},
    pupil::Private,
    response::RawVerdict,
    time::Zone,
    track::Track,
};
use proptest::prelude::*;
use rstest::rstest;

#[rstest]
fn right_files_have_no_fault(#[values(Encoding::Utf8, Encoding::Latin9)] encoding: Encoding) {
    for (name, bytes) in files(encoding) {
        assert_eq!(faults(&name.to_string(), &bytes), [], "{name}");
    }
}

#[rstest]
fn right_files_read_back(#[values(Encoding::Utf8, Encoding::Latin9)] encoding: Encoding) {
    for (name, bytes) in files(encoding) {
        let phase = name.key.phase;
        match name.document {
            Document::Demands => assert_eq!(decode_lot(name, &bytes), Ok(lot(phase))),
            Document::Responses => assert_eq!(decode_responses(name, &bytes), Ok(responses(phase))),
            Document::Receipt => assert_eq!(decode_receipt(name, &bytes), Ok(receipt())),
        }
    }
}

#[test]
fn a_lot_looks_as_the_page_shows_it() {
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<ORIENTATION_DEMANDES VERSION="1.0">
  <PARAMETRES>
    <UAJ>0380001V</UAJ>
    <ANNEE_SCOLAIRE>2019</ANNEE_SCOLAIRE>
    <PALIER>3E</PALIER>
    <PHASE>DEFINITIVE</PHASE>
    <NUM_ENVOI>12</NUM_ENVOI>
    <HORODATAGE>2020-05-26T03:15:00+02:00</HORODATAGE>
    <LOGICIEL>navette</LOGICIEL>
    <NB_DEMANDES>2</NB_DEMANDES>
    <NB_SANS_SAISIE>1</NB_SANS_SAISIE>
    <NB_ACCUSES>0</NB_ACCUSES>
    <NB_REPONSES_FAMILLE>2</NB_REPONSES_FAMILLE>
  </PARAMETRES>
  <DONNEES>
    <DEMANDE ELEVE_ID="100" INE="123456789AB" VERSION="2">
      <DIVISION>3 A</DIVISION><NOM>TÊTU &amp; &quot;FILS&quot;</NOM><PRENOM>Zoé</PRENOM>
      <REPRESENTANT_ID>7</REPRESENTANT_ID><VALIDEE_LE>2020-05-12T10:58:42+02:00</VALIDEE_LE>
      <CHOIX RANG="1"><VOIE>2GT</VOIE></CHOIX>
      <CHOIX RANG="2"><VOIE>2PRO</VOIE><FORMATION CODE="2472541231">Métiers d'art &lt; œuvre € &gt;</FORMATION><STATUT>AP</STATUT></CHOIX>
    </DEMANDE>
    <DEMANDE ELEVE_ID="99" VERSION="2" TARDIVE="O">
      <DIVISION>3 B</DIVISION><NOM>NOËL</NOM><PRENOM></PRENOM>
      <REPRESENTANT_ID>7</REPRESENTANT_ID><VALIDEE_LE>2020-05-12T10:58:42+02:00</VALIDEE_LE>
      <CHOIX RANG="1"><VOIE>2GT</VOIE></CHOIX>
    </DEMANDE>
    <SANS_SAISIE ELEVE_ID="101"><DIVISION>3 A</DIVISION><NOM>L'HAŸ</NOM><PRENOM>Ada</PRENOM></SANS_SAISIE>
    <REPONSE_FAMILLE ELEVE_ID="100" REPRESENTANT_ID="8" LE="2020-06-02T20:00:01.250+02:00" ACCORD="O"><VOIE>2GT</VOIE><VOIE>2PRO</VOIE></REPONSE_FAMILLE>
    <REPONSE_FAMILLE ELEVE_ID="99" REPRESENTANT_ID="8" LE="2020-06-02T20:00:01.250+02:00" ACCORD="N"></REPONSE_FAMILLE>
  </DONNEES>
</ORIENTATION_DEMANDES>
"#;
    assert_eq!(file(Document::Demands, Phase::Definitive), expected);
}

#[test]
fn what_latin9_lacks_becomes_a_reference_and_the_rest_one_byte() {
    let mut one = pupil(1, "3 A", "Ŵœ€Ž", "\u{1F98A}¤");
    one.demand = Some(demand(1, Phase::Definitive, vec![vocational(Track::Cap, "ε", None)]));
    let lot = lot_of(Phase::Definitive, vec![one]);
    let file = encode_lot(&lot, Format::Xml, Encoding::Latin9).unwrap();
    let held = |part: &[u8]| file.bytes.windows(part.len()).any(|window| window == part);
    assert!(held(b"<NOM>&#372;\xBD\xA4\xB4</NOM><PRENOM>&#129418;&#164;</PRENOM>"));
    assert!(held(b">&#949;</FORMATION>"));
    assert_eq!(decode_lot(file.name, &file.bytes), Ok(lot));
}

#[rstest]
#[case(Zone::Pacific__Marquesas, "2020-05-11T23:28:42-09:30")]
#[case(Zone::Pacific__Noumea, "2020-05-12T19:58:42+11:00")]
#[case(Zone::Europe__Paris, "2020-05-12T10:58:42+02:00")]
fn instants_carry_the_schools_offset(#[case] zone: Zone, #[case] written: &str) {
    let mut lot = lot(Phase::Definitive);
    lot.head.zone = zone;
    let file = encode_lot(&lot, Format::Xml, Encoding::Utf8).unwrap();
    let text = String::from_utf8(file.bytes).unwrap();
    assert!(text.contains(&format!("<VALIDEE_LE>{written}</VALIDEE_LE>")), "{text}");
}

#[rstest]
fn a_truncated_file_is_refused(#[values(Encoding::Utf8, Encoding::Latin9)] encoding: Encoding) {
    for (name, bytes) in files(encoding) {
        let whole = bytes.len() - 1; // Without its last line end a file is still whole.
        for cut in (0..whole).step_by(10).chain(whole - 20..whole) {
            assert_ne!(codes(&name.to_string(), &bytes[..cut]), [""; 0], "{name} cut at {cut}");
        }
    }
}

#[test]
fn a_file_is_read_alike_in_pieces_of_any_size() {
    for (name, bytes) in files(Encoding::Utf8) {
        for size in [1, 2, 3, 7, 64] {
            let mut found = Vec::new();
            let pieces = std::io::BufReader::with_capacity(size, std::io::Cursor::new(&bytes));
            crate::codec::check::check(&name.to_string(), pieces, &mut |fault| found.push(fault));
            assert_eq!(found, [], "{name} in pieces of {size}");
        }
    }
}

#[test]
fn a_control_character_is_not_written() {
    let lot = lot_of(Phase::Definitive, vec![pupil(1, "3 A", "NOM\u{1}", "Ada")]);
    assert!(encode_lot(&lot, Format::Xml, Encoding::Utf8).is_err());
}

#[test]
fn a_reason_is_one_spaced_and_an_empty_one_is_none() {
    let (head, mut rows) = responses(Phase::Provisional);
    for (text, expected) in [("à\u{A0}\tvoir\r\n demain ", Some("à voir demain")), (" \u{202F} ", None)] {
        if let RawVerdict::Opinion { reason, .. } = &mut rows[0].verdicts[1] {
            *reason = Some(Private::new(text.to_owned()));
        }
        let file = encode_responses(&head, Zone::Europe__Paris, &rows, Format::Xml, Encoding::Latin9).unwrap();
        let (_, read) = decode_responses(file.name, &file.bytes).unwrap();
        let RawVerdict::Opinion { reason, .. } = &read[0].verdicts[1] else { panic!("an opinion") };
        assert_eq!(reason.as_ref().map(|reason| reason.reveal().as_str()), expected);
    }
}

fn text() -> impl Strategy<Value = String> {
    let char = prop_oneof![
        4 => "[A-Za-z0-9 '-]",
        3 => "[éèàçœŒÿŸŠž€¤«»°]",
        2 => "[&<>\"'\\];#]",
        1 => "[\u{A0}\u{202F}\t\n]",
        1 => "[\u{100}-\u{17F}\u{1F300}-\u{1F5FF}]",
    ];
    prop::collection::vec(char, 0..24).prop_map(|chars| chars.concat())
}

fn spaced(text: &str) -> String {
    one_spaced(text).into_owned()
}

proptest! {
    #[test]
    fn any_lot_reads_back(
        texts in prop::collection::vec((text(), text(), text()), 0..12),
        provisional: bool,
        latin9: bool,
        ms in 946_684_800_000i64..4_102_444_800_000,
    ) {
        let phase = if provisional { Phase::Provisional } else { Phase::Definitive };
        let encoding = if latin9 { Encoding::Latin9 } else { Encoding::Utf8 };
        let pupils = (1i64..).zip(&texts).map(|(id, (last, first, label))| {
            let mut pupil = pupil(id, "3 A", last, first);
            if !spaced(label).is_empty() {
                let choices = vec![vocational(Track::SecondePro, label, None)];
                pupil.demand = Some(demand(id, phase, choices));
                if let Some(demand) = &mut pupil.demand {
                    demand.validated_at = crate::domain::time::Timestamp::from_epoch_ms(ms);
                }
            }
            pupil
        });
        let lot = lot_of(phase, pupils.collect());
        let file = encode_lot(&lot, Format::Xml, encoding).unwrap();
        let read = decode_lot(file.name, &file.bytes).unwrap();
        prop_assert!(same_lot(&lot, &read));
        for (pupil, (last, _, _)) in read.pupils.iter().zip(&texts) {
            prop_assert_eq!(pupil.last_name.reveal(), &spaced(last));
        }
    }

    #[test]
    fn any_reason_reads_back(reasons in prop::collection::vec(text(), 1..8), latin9: bool) {
        let encoding = if latin9 { Encoding::Latin9 } else { Encoding::Utf8 };
        let (mut head, rows) = responses(Phase::Provisional);
        let rows: Vec<_> = (1u32..).zip(&reasons).map(|(rank, text)| {
            let mut row = rows[0].clone();
            row.rank = rank;
            if let RawVerdict::Opinion { reason, .. } = &mut row.verdicts[1] {
                *reason = Some(Private::new(text.clone()));
            }
            row
        }).collect();
        head.responses = u32::try_from(rows.len()).unwrap();
        let file = encode_responses(&head, Zone::Europe__Paris, &rows, Format::Xml, encoding).unwrap();
        let (_, read) = decode_responses(file.name, &file.bytes).unwrap();
        for (row, text) in read.iter().zip(&reasons) {
            let RawVerdict::Opinion { reason, .. } = &row.verdicts[1] else { panic!("an opinion") };
            prop_assert_eq!(reason.as_ref().map_or("", |reason| reason.reveal()), &spaced(text));
        }
    }

    #[test]
    fn any_parameter_of_a_receipt_reads_back(text in text(), latin9: bool) {
        let encoding = if latin9 { Encoding::Latin9 } else { Encoding::Utf8 };
        let mut sent = receipt();
        sent.treated_at = at("2020-12-31T23:59:59.999Z");
        sent.lines[0].parameters = vec![Private::new(text.clone())];
        let file = encode_receipt(&sent, Zone::America__Miquelon, encoding).unwrap();
        let read = decode_receipt(file.name, &file.bytes).unwrap();
        prop_assert_eq!(read.lines[0].parameters[0].reveal(), &spaced(&text));
    }

    #[test]
    fn no_mutation_panics(nth in 0usize..5, edits in prop::collection::vec((any::<prop::sample::Index>(), 0u8..6, any::<u8>()), 1..5)) {
        let (name, mut bytes) = files(Encoding::Utf8).swap_remove(nth);
        for (index, kind, byte) in edits {
            let at = index.index(bytes.len().max(1)).min(bytes.len());
            let end = (at + usize::from(byte)).min(bytes.len());
            match kind {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..end)),
                2 => if let Some(slot) = bytes.get_mut(at) { *slot = byte },
                3 => { let copy = bytes[at..end].to_vec(); bytes.splice(at..at, copy); }
                4 => bytes.extend_from_within(..),
                _ => { bytes.splice(at..at, *b"<![CDATA[<&#x0;"); }
            }
        }
        codes(&name.to_string(), &bytes);
        for document in Document::ALL {
            let name = crate::domain::lot::FileName { document, ..name };
            codes(&name.to_string(), &bytes);
        }
    }
}
