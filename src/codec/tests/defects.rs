//! One defect a file: which code it gets. A case edits a right file by replacing the first occurrence of a text.

use crate::codec::tests::support::{NUMBER, codes, faults, file, files, name};
use crate::domain::{
    campaign::Phase,
    lot::{Document, Encoding, FileName},
};
use rstest::rstest;

/// The codes of a right file after one edit; an edit that finds nothing to replace is a wrong case.
fn edited(document: Document, phase: Phase, from: &str, to: &str) -> Vec<&'static str> {
    let right = file(document, phase);
    assert!(right.contains(from), "`{from}` is not in\n{right}");
    codes(&name(document, phase).to_string(), right.replacen(from, to, 1).as_bytes())
}

#[rstest]
#[case::empty_file(b"", "XML")]
#[case::white_space_alone(b"  \n", "XML")]
#[case::no_markup(b"hello", "TEXTE")]
#[case::comment_alone(b"<!-- nothing -->", "XML")]
#[case::declaration_alone(b"<?xml version=\"1.0\"?>", "XML")]
#[case::other_root(b"<ORIENTATION_REPONSES VERSION=\"1.0\"/>", "BALISE")]
#[case::no_version(b"<ORIENTATION_DEMANDES/>", "VERSION")]
#[case::other_version(b"<ORIENTATION_DEMANDES VERSION=\"1.1\"/>", "VERSION")]
#[case::nothing_inside(b"<ORIENTATION_DEMANDES VERSION=\"1.0\"/>", "BALISE")]
#[case::utf16(b"\xFF\xFE<\0a\0/\0>\0", "ENCODAGE")]
#[case::utf16_without_mark(b"<\0a\0/\0>\0", "TEXTE")]
#[case::utf32(b"\0\0\xFE\xFF\0\0\0<", "TEXTE")]
fn no_document(#[case] bytes: &[u8], #[case] code: &str) {
    assert_eq!(codes(&name(Document::Demands, Phase::Definitive).to_string(), bytes), [code]);
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

#[rstest]
#[case::none("", &[])]
#[case::no_encoding("<?xml version='1.0'?>", &[])]
#[case::spaced("<?xml  version = \"1.0\"\n encoding='utf-8' standalone='yes' ?>", &[])]
#[case::comment_first("<?xml version='1.0'?><!-- a - b -->", &[])]
#[case::xml_11("<?xml version=\"1.1\"?>", &["XML"])]
#[case::no_version("<?xml encoding=\"UTF-8\"?>", &["XML"])]
#[case::out_of_order("<?xml encoding=\"UTF-8\" version=\"1.0\"?>", &["XML"])]
#[case::twice("<?xml version=\"1.0\" version=\"1.0\"?>", &["XML"])]
#[case::no_space("<?xml version=\"1.0\"encoding=\"UTF-8\"?>", &["XML"])]
#[case::standalone("<?xml version=\"1.0\" standalone=\"maybe\"?>", &["XML"])]
#[case::unclosed("<?xml version=\"1.0\"", &["XML"])]
#[case::empty("<?xml?>", &["XML"])]
#[case::upper_case("<?XML version=\"1.0\"?>", &["XML"])]
#[case::space_before(" <?xml version=\"1.0\"?>", &["XML"])]
#[case::other_encoding("<?xml version=\"1.0\" encoding=\"UTF-7\"?>", &["ENCODAGE"])]
#[case::shift_jis("<?xml version=\"1.0\" encoding=\"Shift_JIS\"?>", &["ENCODAGE"])]
#[case::marked("\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\"?>", &[])]
#[case::marked_without_declaration("\u{FEFF}", &[])]
#[case::mark_contradicts("\u{FEFF}<?xml version=\"1.0\" encoding=\"ISO-8859-15\"?>", &["ENCODAGE"])]
#[case::marked_twice("\u{FEFF}\u{FEFF}", &["XML"])]
#[case::mark_after("<?xml version=\"1.0\"?>\u{FEFF}", &["XML"])]
#[case::stylesheet("<?xml version=\"1.0\"?><?xml-stylesheet href='a'?>", &["XML"])]
#[case::doctype("<?xml version=\"1.0\"?><!DOCTYPE ORIENTATION_DEMANDES>", &["XML"])]
#[case::doctype_lower_case("<!doctype a>", &["XML"])]
#[case::entity("<!DOCTYPE a [<!ENTITY x 'y'>]>", &["XML"])]
fn declarations(#[case] declaration: &str, #[case] expected: &[&str]) {
    assert_eq!(edited(Document::Demands, Phase::Definitive, DECLARATION, declaration), expected);
}

#[rstest]
#[case::latin1_is_windows("ISO-8859-1", b"\x80 \x9C\xE9", &[])]
#[case::windows("windows-1252", b"\x80 \x9C\xE9", &[])]
#[case::windows_hole("windows-1252", b"\x81", &["TEXTE"])]
#[case::latin9("iso-8859-15", b"\xA4 \xBD\xE9", &[])]
#[case::latin9_control("ISO-8859-15", b"\x9C", &["TEXTE"])]
#[case::not_utf8("UTF-8", b"\xE9", &["ENCODAGE", "XML"])]
#[case::overlong("UTF-8", b"\xC0\xBC", &["ENCODAGE", "XML"])]
#[case::surrogate("UTF-8", b"\xED\xA0\x80", &["ENCODAGE", "XML"])]
#[case::nul("UTF-8", b"\0", &["TEXTE", "XML"])]
#[case::escape("UTF-8", b"\x1B", &["TEXTE", "XML"])]
#[case::delete("UTF-8", b"\x7F", &["TEXTE"])]
#[case::next_line("UTF-8", b"\xC2\x85", &[])]
#[case::no_character("UTF-8", b"\xEF\xBF\xBF", &["TEXTE", "XML"])]
#[case::no_break_space("UTF-8", b"a\xC2\xA0b", &[])]
fn bytes_and_encodings(#[case] encoding: &str, #[case] inside: &[u8], #[case] expected: &[&str]) {
    let right = file(Document::Demands, Phase::Definitive).replace(DECLARATION, "");
    let ascii: String = right.chars().filter(char::is_ascii).collect();
    let (before, after) = ascii.split_once("Zo").unwrap();
    let declaration = format!("<?xml version='1.0' encoding='{encoding}'?>");
    let bytes = [declaration.as_bytes(), before.as_bytes(), inside, after.as_bytes()].concat();
    let found = codes(&name(Document::Demands, Phase::Definitive).to_string(), &bytes);
    assert_eq!(found, &expected[..expected.len().min(1)]);
}

#[rstest]
#[case::unclosed_root("</ORIENTATION_DEMANDES>\n", "", "XML")]
#[case::unclosed_tag("</ORIENTATION_DEMANDES>\n", "</ORIENTATION_DEMANDES", "XML")]
#[case::text_before("<ORIENTATION_DEMANDES", "x<ORIENTATION_DEMANDES", "TEXTE")]
#[case::text_after("</ORIENTATION_DEMANDES>", "</ORIENTATION_DEMANDES>x", "TEXTE")]
#[case::reference_after("</ORIENTATION_DEMANDES>", "</ORIENTATION_DEMANDES>&#32;", "TEXTE")]
#[case::cdata_after("</ORIENTATION_DEMANDES>", "</ORIENTATION_DEMANDES><![CDATA[]]>", "TEXTE")]
#[case::second_root("</ORIENTATION_DEMANDES>", "</ORIENTATION_DEMANDES><A/>", "XML")]
#[case::doctype_after("</ORIENTATION_DEMANDES>", "</ORIENTATION_DEMANDES><!DOCTYPE a>", "XML")]
#[case::doctype_inside("<DONNEES>", "<DONNEES><!DOCTYPE a>", "XML")]
#[case::declaration_inside("<DONNEES>", "<DONNEES><?xml version=\"1.0\"?>", "XML")]
#[case::instruction("<DONNEES>", "<DONNEES><?php echo ?>", "XML")]
#[case::text_inside("<DONNEES>", "<DONNEES>x", "TEXTE")]
#[case::cdata_between("<DONNEES>", "<DONNEES><![CDATA[ ]]>", "TEXTE")]
#[case::no_break_space_between("<DONNEES>", "<DONNEES>\u{A0}", "TEXTE")]
#[case::cdata_end("Zoé", "Zo]]>é", "XML")]
#[case::unknown_entity("Zoé", "Zo&eacute;", "XML")]
#[case::lone_ampersand("Zoé", "Zo & é", "XML")]
#[case::nul_reference("Zoé", "Zo&#0;", "XML")]
#[case::control_reference("Zoé", "Zo&#x1F;", "XML")]
#[case::no_character_reference("Zoé", "Zo&#xFFFF;", "XML")]
#[case::surrogate_reference("Zoé", "Zo&#xD800;", "XML")]
#[case::upper_case_reference("Zoé", "Zo&#X41;", "XML")]
#[case::signed_reference("Zoé", "Zo&#+65;", "XML")]
#[case::huge_reference("Zoé", "Zo&#99999999999;", "XML")]
#[case::comment_hyphens("Zoé", "Zo<!-- a -- b -->é", "XML")]
#[case::comment_end("Zoé", "Zo<!-- a --->é", "XML")]
#[case::mismatch("</PRENOM>", "</NOM>", "XML")]
#[case::spaced_name("<PRENOM>", "< PRENOM>", "BALISE")]
#[case::wrong_name("<NOM>", "<1NOM>", "BALISE")]
#[case::prefix("<DONNEES>", "<a:DONNEES>", "BALISE")]
#[case::namespace("VERSION=\"1.0\">", "VERSION=\"1.0\" xmlns=\"urn:a\">", "ATTRIBUT")]
#[case::instance("VERSION=\"1.0\">", "VERSION=\"1.0\" xsi:nil=\"false\">", "ATTRIBUT")]
#[case::xml_attribute("<DONNEES>", "<DONNEES xml:lang=\"fr\">", "ATTRIBUT")]
#[case::no_space("ELEVE_ID=\"100\" INE", "ELEVE_ID=\"100\"INE", "XML")]
#[case::no_quotes("ELEVE_ID=\"100\"", "ELEVE_ID=100", "XML")]
#[case::no_value("ELEVE_ID=\"100\"", "ELEVE_ID", "XML")]
#[case::twice("ELEVE_ID=\"100\"", "ELEVE_ID=\"100\" ELEVE_ID=\"100\"", "XML")]
#[case::unknown("ELEVE_ID=\"100\"", "ELEVE_ID=\"100\" SEXE=\"1\"", "ATTRIBUT")]
#[case::angle("ELEVE_ID=\"100\"", "ELEVE_ID=\"<100\"", "XML")]
#[case::entity("ELEVE_ID=\"100\"", "ELEVE_ID=\"&a;\"", "XML")]
#[case::missing("ELEVE_ID=\"100\"", "", "ATTRIBUT")]
#[case::stray_slash("ELEVE_ID=\"100\"", "/ ELEVE_ID=\"100\"", "XML")]
fn not_well_formed(#[case] from: &str, #[case] to: &str, #[case] code: &str) {
    let found = edited(Document::Demands, Phase::Definitive, from, to);
    assert_eq!(found.first(), Some(&code), "{found:?}");
}

#[rstest]
#[case("Zoé", "Zo<!-- a - b -->é")]
#[case("Zoé", "<![CDATA[Zoé <&]]>")]
#[case("Zoé", "Zo&#233;&#xE9;&apos;")]
#[case("Zoé", "Zo\r\né")]
#[case("</PRENOM>", "</PRENOM \n>")]
#[case("ELEVE_ID=\"100\"", "\n ELEVE_ID = '&#49;00' ")]
#[case("</ORIENTATION_DEMANDES>", "</ORIENTATION_DEMANDES><!-- end -->\n\n")]
#[case("<PRENOM></PRENOM>", "<PRENOM/>")]
#[case("ACCORD=\"N\"></REPONSE_FAMILLE>", "ACCORD=\"N\"/>")]
#[case("<UAJ>0380001V", "<UAJ>0380001v")]
#[case("123456789AB", "123456789ab")]
fn unusual_but_right(#[case] from: &str, #[case] to: &str) {
    assert_eq!(edited(Document::Demands, Phase::Definitive, from, to), [""; 0]);
}

#[rstest]
#[case::uai_key("<UAJ>0380001V", "<UAJ>0380001W", "UAI")]
#[case::uai_shape("<UAJ>0380001V", "<UAJ> 0380001V", "UAI")]
#[case::other_school("<UAJ>0380001V", "<UAJ>0750654D", "ETABLISSEMENT")]
#[case::year("<ANNEE_SCOLAIRE>2019", "<ANNEE_SCOLAIRE>19", "ANNEE")]
#[case::other_year("<ANNEE_SCOLAIRE>2019", "<ANNEE_SCOLAIRE>2020", "ANNEE")]
#[case::level("<PALIER>3E", "<PALIER>4E", "PALIER")]
#[case::phase("<PHASE>DEFINITIVE", "<PHASE>FINALE", "PHASE")]
#[case::number("<NUM_ENVOI>12", "<NUM_ENVOI>012", "NUM_ENVOI")]
#[case::number_zero("<NUM_ENVOI>12", "<NUM_ENVOI>0", "NUM_ENVOI")]
#[case::number_large("<NUM_ENVOI>12", "<NUM_ENVOI>100000", "NUM_ENVOI")]
#[case::other_number("<NUM_ENVOI>12", "<NUM_ENVOI>13", "NUM_ENVOI")]
#[case::no_offset("03:15:00+02:00", "03:15:00", "INSTANT")]
#[case::other_minus("03:15:00+02:00", "03:15:00\u{2212}02:00", "INSTANT")]
#[case::french_instant("2020-05-26T03:15:00+02:00", "26/05/2020 03:15:00", "INSTANT")]
#[case::no_software("navette", " ", "TEXTE")]
#[case::count("<NB_DEMANDES>2", "<NB_DEMANDES>3", "NOMBRE")]
#[case::count_signed("<NB_DEMANDES>2", "<NB_DEMANDES>+2", "NOMBRE")]
#[case::count_large("<NB_DEMANDES>2", "<NB_DEMANDES>4294967296", "NOMBRE")]
#[case::count_without("<NB_SANS_SAISIE>1", "<NB_SANS_SAISIE>0", "NOMBRE")]
#[case::count_replies("<NB_REPONSES_FAMILLE>2", "<NB_REPONSES_FAMILLE>0", "NOMBRE")]
#[case::missing_element("<LOGICIEL>navette</LOGICIEL>", "", "BALISE")]
#[case::element_out_of_order("<PALIER>3E</PALIER>", "", "BALISE")]
#[case::element_in_text("navette", "<B/>navette", "BALISE")]
#[case::more_parameters("</PARAMETRES>", "<X/></PARAMETRES>", "BALISE")]
#[case::more_blocks("</DONNEES>", "</DONNEES><X/>", "BALISE")]
#[case::unknown_row("<DONNEES>", "<DONNEES><X/>", "BALISE")]
#[case::identifier("ELEVE_ID=\"100\"", "ELEVE_ID=\"A100\"", "IDENTIFIANT")]
#[case::identifier_negative("ELEVE_ID=\"100\"", "ELEVE_ID=\"-1\"", "IDENTIFIANT")]
#[case::identifier_long("ELEVE_ID=\"100\"", "ELEVE_ID=\"1000000000000000000\"", "IDENTIFIANT")]
#[case::identifier_zeros("ELEVE_ID=\"100\"", "ELEVE_ID=\"0100\"", "IDENTIFIANT")]
#[case::ine("123456789AB", "12345678AB", "INE")]
#[case::version("VERSION=\"2\"", "VERSION=\"0\"", "NOMBRE")]
#[case::late("TARDIVE=\"O\"", "TARDIVE=\"N\"", "VALEUR")]
#[case::division_long("<DIVISION>3 A", "<DIVISION>3 A 3 A 3", "DIVISION")]
#[case::division_empty("<DIVISION>3 A", "<DIVISION>", "DIVISION")]
#[case::rank("RANG=\"1\"", "RANG=\"2\"", "CHOIX")]
#[case::no_choice("<CHOIX RANG=\"1\"><VOIE>2GT</VOIE></CHOIX>\n    ", "", "CHOIX")]
#[case::alike(
    "RANG=\"2\"><VOIE>2PRO</VOIE><FORMATION CODE=\"2472541231\">Métiers d'art &lt; œuvre € &gt;</FORMATION><STATUT>AP</STATUT>",
    "RANG=\"2\"><VOIE>2GT</VOIE>",
    "CHOIX"
)]
#[case::track("<VOIE>2GT", "<VOIE>2gt", "VOIE")]
#[case::track_of_level("<VOIE>2GT", "<VOIE>1G", "VOIE")]
#[case::formation_missing(
    "<FORMATION CODE=\"2472541231\">Métiers d'art &lt; œuvre € &gt;</FORMATION><STATUT>AP</STATUT>",
    "",
    "VOIE"
)]
#[case::status_missing("<STATUT>AP</STATUT>", "", "BALISE")]
#[case::status("<STATUT>AP", "<STATUT>XX", "VOIE")]
#[case::formation_unexpected("<VOIE>2GT</VOIE>", "<VOIE>2GT</VOIE><FORMATION>x</FORMATION><STATUT>ST</STATUT>", "VOIE")]
#[case::mef("2472541231", "247254123", "MEF")]
#[case::formation_empty("Métiers d'art &lt; œuvre € &gt;", " \u{A0}", "TEXTE")]
#[case::double("<SANS_SAISIE ELEVE_ID=\"101\"", "<SANS_SAISIE ELEVE_ID=\"100\"", "DOUBLON")]
#[case::order("<DIVISION>3 A", "<DIVISION>3 C", "ORDRE")]
#[case::order_of_kinds(
    "<DONNEES>",
    "<DONNEES><SANS_SAISIE ELEVE_ID=\"1\"><DIVISION>3 A</DIVISION><NOM>A</NOM><PRENOM>B</PRENOM></SANS_SAISIE>",
    "ORDRE"
)]
#[case::reply_of_nobody("<REPONSE_FAMILLE ELEVE_ID=\"100\"", "<REPONSE_FAMILLE ELEVE_ID=\"5\"", "INCONNU")]
#[case::reply_twice("<REPONSE_FAMILLE ELEVE_ID=\"99\"", "<REPONSE_FAMILLE ELEVE_ID=\"100\"", "DOUBLON")]
#[case::agreement("ACCORD=\"O\"", "ACCORD=\"oui\"", "VALEUR")]
#[case::disagreement_that_accepts("ACCORD=\"O\"", "ACCORD=\"N\"", "VALEUR")]
#[case::accepted_level("ACCORD=\"O\"><VOIE>2GT", "ACCORD=\"O\"><VOIE>1G", "VOIE")]
#[case::agreement_to_nothing("ACCORD=\"O\"><VOIE>2GT</VOIE><VOIE>2PRO</VOIE>", "ACCORD=\"O\">", "VALEUR")]
#[case::accepted_twice("ACCORD=\"O\"><VOIE>2GT", "ACCORD=\"O\"><VOIE>2PRO", "DOUBLON")]
#[case::acknowledgement(
    "</DONNEES>",
    "<ACCUSE ELEVE_ID=\"100\" REPRESENTANT_ID=\"1\" LE=\"2020-05-26T03:15:00Z\"/></DONNEES>",
    "PHASE"
)]
fn demands(#[case] from: &str, #[case] to: &str, #[case] code: &str) {
    let found = edited(Document::Demands, Phase::Definitive, from, to);
    assert_eq!(found.first(), Some(&code), "{found:?}");
}

#[rstest]
#[case::not_empty("LE=\"2020-06-02T20:00:01.250+02:00\"/>", "LE=\"2020-06-02T20:00:01.250+02:00\"> </ACCUSE>", "TEXTE")]
#[case::reply(
    "</DONNEES>",
    "<REPONSE_FAMILLE ELEVE_ID=\"100\" REPRESENTANT_ID=\"1\" LE=\"2020-05-26T03:15:00Z\" ACCORD=\"O\"/></DONNEES>",
    "PHASE"
)]
#[case::no_instant(" LE=\"2020-06-02T20:00:01.250+02:00\"", "", "ATTRIBUT")]
#[case::count("<NB_ACCUSES>2", "<NB_ACCUSES>1", "NOMBRE")]
fn acknowledgements(#[case] from: &str, #[case] to: &str, #[case] code: &str) {
    let found = edited(Document::Demands, Phase::Provisional, from, to);
    assert_eq!(found.first(), Some(&code), "{found:?}");
}

#[rstest]
#[case::value(Phase::Provisional, "VALEUR=\"FAVORABLE\"", "VALEUR=\"OUI\"", &["VALEUR"])]
#[case::track_shape(Phase::Provisional, "VOIE=\"2GT\"", "VOIE=\"2 GT\"", &["VOIE"])]
#[case::track_unknown(Phase::Provisional, "VOIE=\"2GT\"", "VOIE=\"3XYZ\"", &["VOIE"])]
#[case::track_of_another_level(Phase::Definitive, "VOIE=\"2GT\"", "VOIE=\"1G\"", &["VOIE"])]
#[case::reason_missing(Phase::Provisional, "VALEUR=\"FAVORABLE\"", "VALEUR=\"RESERVE\"", &["MOTIF"])]
#[case::reason_in_a_wrong_place(Phase::Provisional, "</MOTIF></AVIS>", "</MOTIF><MOTIF>x</MOTIF></AVIS>", &["BALISE"])]
#[case::proposal_in_provisional(Phase::Provisional, "<AVIS VOIE=\"2GT\" VALEUR=\"FAVORABLE\"/>", "<PROPOSITION VOIE=\"2GT\" DEMANDEE=\"O\" VALEUR=\"OUI\"/>", &["BALISE"])]
#[case::opinion_in_definitive(Phase::Definitive, "<PROPOSITION VOIE=\"2GT\" DEMANDEE=\"O\" VALEUR=\"OUI\"/>", "<AVIS VOIE=\"2GT\" VALEUR=\"FAVORABLE\"/>", &["BALISE"])]
#[case::proposal_value(Phase::Definitive, "VALEUR=\"OUI\"", "VALEUR=\"oui\"", &["VALEUR"])]
#[case::requested(Phase::Definitive, "DEMANDEE=\"O\"", "DEMANDEE=\"1\"", &["VALEUR"])]
#[case::proposal_with_text(Phase::Definitive, "VALEUR=\"OUI\"/>", "VALEUR=\"OUI\">\n</PROPOSITION>", &["TEXTE"])]
#[case::council(Phase::Definitive, "<CONSEIL>2020-05-28", "<CONSEIL>28/05/2020", &["DATE"])]
#[case::council_day(Phase::Definitive, "<CONSEIL>2020-05-28", "<CONSEIL>2020-02-30", &["DATE"])]
#[case::entered_at(Phase::Definitive, "SAISIE_LE=\"2020-05-28T18:05:00+02:00\"", "", &["ATTRIBUT"])]
#[case::version(Phase::Definitive, "VERSION_DEMANDE=\"2\"", "VERSION_DEMANDE=\"-2\"", &["NOMBRE"])]
#[case::count(Phase::Definitive, "<NB_REPONSES>2", "<NB_REPONSES>1", &["NOMBRE"])]
#[case::complete_at(Phase::Definitive, "2020-05-28T18:30:00+02:00", "hier", &["INSTANT"])]
#[case::other_row(Phase::Definitive, "</DONNEES>", "<SANS_SAISIE/></DONNEES>", &["BALISE"])]
#[case::pupil_twice(Phase::Definitive, "ELEVE_ID=\"101\"", "ELEVE_ID=\"100\"", &["DOUBLON"])]
fn response_files(#[case] phase: Phase, #[case] from: &str, #[case] to: &str, #[case] expected: &[&str]) {
    let found = edited(Document::Responses, phase, from, to);
    assert_eq!(found, expected);
}

#[rstest]
#[case::rejected("REJETES=\"1\"", "REJETES=\"2\"", "NOMBRE")]
#[case::absent("ABSENTS=\"1\"", "ABSENTS=\"0\"", "NOMBRE")]
#[case::kind("TYPE=\"MOD\"", "TYPE=\"XXX\"", "VALEUR")]
#[case::code("MEF_INCONNU", "MEF_INCONNU_ET_TROP_LONG", "VALEUR")]
#[case::code_missing("CODE=\"MEF_INCONNU\"", "", "ATTRIBUT")]
#[case::rank("RANG=\"1\"", "RANG=\"0\"", "NOMBRE")]
#[case::other_child("<PARAMETRE>", "<X/><PARAMETRE>", "BALISE")]
#[case::no_balance("<BILAN", "<TOTAL", "BALISE")]
#[case::treated_at("2020-05-26T03:20:00+02:00", "2020-05-26", "INSTANT")]
fn receipts(#[case] from: &str, #[case] to: &str, #[case] code: &str) {
    let found = edited(Document::Receipt, Phase::Definitive, from, to);
    assert_eq!(found.first(), Some(&code), "{found:?}");
}

/// No page says what `TRAITES` is the sum of: a receipt of Siècle must not block its lot by it.
#[test]
fn what_siecle_counts_as_treated_is_its_own() {
    let found = edited(Document::Receipt, Phase::Definitive, "TRAITES=\"3\"", "TRAITES=\"4\"");
    assert_eq!(found, [""; 0]);
}

#[test]
fn parameters_of_an_anomaly_have_255_characters_together() {
    let long = |more: usize| format!("<PARAMETRE>{}</PARAMETRE>", "é".repeat(237 + more));
    let with = |more| {
        edited(
            Document::Receipt,
            Phase::Definitive,
            "<PARAMETRE>2472541231</PARAMETRE>",
            &format!("{}<PARAMETRE>2472541231</PARAMETRE>", long(more)),
        )
    };
    assert_eq!(with(1), [""; 0]);
    assert_eq!(with(2).first(), Some(&"TAILLE"));
}

#[test]
fn faults_are_told_all_with_their_lines_and_without_values() {
    let right = file(Document::Demands, Phase::Definitive);
    let wrong = right.replacen("VERSION=\"2\"", "VERSION=\"x\"", 1).replacen("<PRENOM>Ada</PRENOM>", "", 1);
    let found = faults(&name(Document::Demands, Phase::Definitive).to_string(), wrong.as_bytes());
    let told: Vec<_> = found.iter().map(|fault| (fault.row, fault.code)).collect();
    // Rows that could not be read are told once: neither the counts nor the reply of such a pupil are told wrong.
    assert_eq!(told, [(17, "NOMBRE"), (28, "BALISE")]);
    let said: String = found.iter().map(ToString::to_string).collect();
    assert!(!said.contains("TÊTU") && !said.contains("HAŸ") && !said.contains("123456789AB"), "{said}");
    assert!(said.starts_with("17:NOMBRE:"), "{said}");
}

#[rstest]
#[case("0380001V-2019-DEM-3E-DEFINITIVE-12.xml")]
#[case("0380001V-2019-DEM-3E-DEFINITIVE-00012.txt")]
#[case("demandes.xml")]
#[case("")]
fn a_name_that_is_not_of_the_exchange(#[case] name: &str) {
    assert_eq!(codes(name, file(Document::Demands, Phase::Definitive).as_bytes()), ["NOM"]);
}

#[test]
fn a_name_that_contradicts_the_content() {
    let right = name(Document::Demands, Phase::Definitive);
    let bytes = file(Document::Demands, Phase::Definitive).into_bytes();
    for (other, code) in [
        (FileName { number: NUMBER + 1, ..right }, "NUM_ENVOI"),
        (
            FileName { key: crate::domain::campaign::CampaignKey { phase: Phase::Provisional, ..right.key }, ..right },
            "PHASE",
        ),
        (FileName { document: Document::Responses, ..right }, "BALISE"),
    ] {
        assert_eq!(codes(&other.to_string(), &bytes).first(), Some(&code));
    }
}

#[test]
fn limits_of_size_and_depth() {
    let right = file(Document::Demands, Phase::Definitive);
    let check = |from: &str, to: String| {
        codes(&name(Document::Demands, Phase::Definitive).to_string(), right.replacen(from, &to, 1).as_bytes())
    };
    assert_eq!(check("Zoé", "e".repeat(64 * 1024)), [""; 0]);
    assert_eq!(check("Zoé", "e".repeat(64 * 1024 + 1)), ["TAILLE"]);
    assert_eq!(check("Zoé", "<![CDATA[e]]>".repeat(64 * 1024 + 1)), ["TAILLE"]);
    assert_eq!(check("Zoé", "e".repeat(400 * 1024)), ["TAILLE"]);
    assert_eq!(check("<DONNEES>", format!("<DONNEES>{}", " ".repeat(400 * 1024))), ["TAILLE"]);
    assert_eq!(check("<DONNEES>", format!("<DONNEES><!--{}-->", "e".repeat(400 * 1024))), ["TAILLE"]);
    assert_eq!(check("ELEVE_ID=", format!("A=\"{}\" ELEVE_ID=", "e".repeat(400 * 1024))), ["TAILLE"]);
    assert_eq!(check("<DONNEES>", format!("<DONNEES>{}", "<A>".repeat(20))), ["BALISE", "PROFONDEUR"]);
}

#[test]
fn a_file_above_64_mib_is_refused_without_being_held() {
    use std::io::{BufReader, Read};
    let right = file(Document::Demands, Phase::Definitive).into_bytes();
    let input = BufReader::new(right.as_slice().chain(Spaces));
    let mut found = Vec::new();
    let name = name(Document::Demands, Phase::Definitive);
    let end = crate::codec::xml::demands::read(name, input, &mut |_| (), &mut |fault| found.push(fault.code));
    assert_eq!((found, end.unwrap_err().code), (vec![], "TAILLE"));
}

/// Comments without an end, so that no single one is too long.
struct Spaces;

impl std::io::Read for Spaces {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let comments = b"<!-- a -->".repeat(out.len() / 10);
        out[..comments.len()].copy_from_slice(&comments);
        Ok(comments.len())
    }
}

#[test]
fn every_kind_has_a_right_file() {
    let kinds: Vec<Document> = files(Encoding::Utf8).into_iter().map(|(name, _)| name.document).collect();
    assert!(Document::ALL.iter().all(|document| kinds.contains(document)));
}
