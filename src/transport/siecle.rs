//! What is asked of Siècle: deposits of lots, their receipts, and response files (siecle.md).

use crate::clock::Clock;
use crate::codec::{
    envelope::{self, ExchangeFile},
    json::listing::{self, ListedResponse},
};
use crate::crash::Crash;
use crate::domain::{
    lot::{Document, FileName, Format},
    school::SchoolKey,
    time::Timestamp,
};
use crate::files::Files;
use crate::plan::delivery::{Answer, Problem};
use crate::transport::{
    directory::{Directory, DirectoryOptions},
    http::{Ask, FarDate, Http, HttpOptions, Repeat, SetupFault, Upload},
    rehearsal::RehearsedSiecle,
};
use std::sync::Arc;

/// Where lots are laid down.
const IMPORT: &str = "import";
/// Where Siècle puts those that it took.
const IMPORTED: &str = "imported";
/// Where Siècle puts those that it can't read.
const REJECTED: &str = "rejected";
/// Where receipts appear.
const REPORT: &str = "report";
/// Where response files appear; nothing is ever removed there.
const EXPORT: &str = "export";
/// `Siecle::answers_at_once`.
const ANSWERS: bool = true;
/// A deposit was taken, a lot is not treated yet.
const ACCEPTED: u16 = 202;
const OK: u16 = 200;
const NOT_FOUND: u16 = 404;
const CONFLICT: u16 = 409;
const GONE: u16 = 410;
/// Byte order mark of UTF-8: our CSV has one in UTF-8, and in no other encoding.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Siècle, over either transport.
pub enum Siecle {
    /// Over HTTP.
    Http(Http),
    /// Over folders.
    Directory(Directory),
    /// A dry run's: the real one is asked, and given nothing.
    Rehearsed(Arc<RehearsedSiecle>),
}

/// What became of a lot, as Siècle tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptAnswer {
    /// Treated: the receipt's bytes, and its name.
    Receipt(Vec<u8>, FileName),
    /// There, and not treated yet.
    NotTreated,
    /// A later lot of the campaign took its place before it was treated.
    Replaced,
    /// Never received: the same bytes may go again.
    NeverReceived,
    /// Refused for good, without a receipt: put aside as unreadable, or answered `/metier`.
    RejectedFile,
}

/// A response file that Siècle offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseRef {
    /// `NUM_ENVOI`.
    pub number: u32,
    /// Its name.
    pub name: FileName,
    /// The digest published with it.
    pub sha256: [u8; 32],
    /// Its size, as Siècle gives it.
    pub size_bytes: u64,
}

impl Siecle {
    /// Siècle over HTTP.
    ///
    /// # Errors
    /// `SetupFault` for an address, certificate or token that can't be used.
    pub fn http(options: HttpOptions, clock: Clock, crash: Crash) -> Result<Self, SetupFault> {
        Http::new(options, clock, crash).map(Self::Http)
    }

    /// Siècle over the folders of one school.
    pub fn directory(options: DirectoryOptions, files: Files) -> Self {
        Self::Directory(Directory::new(options, files))
    }

    /// The same, believing for a while what it listed (`Directory::believed_by`); HTTP lists nothing.
    pub fn believed_by(self, clock: Clock) -> Self {
        match self {
            Self::Http(http) => Self::Http(http),
            Self::Directory(folders) => Self::Directory(folders.believed_by(clock)),
            Self::Rehearsed(rehearsed) => Self::Rehearsed(rehearsed),
        }
    }

    /// The latest `Date` that it sent; none over folders.
    pub fn last_date(&self) -> Option<FarDate> {
        match self {
            Self::Http(http) => http.last_date(),
            Self::Directory(_) => None,
            Self::Rehearsed(rehearsed) => rehearsed.real().last_date(),
        }
    }

    /// How far our clock was ahead of its clock when it last answered; none over folders.
    pub fn skew_ms(&self) -> Option<i64> {
        self.last_date().map(|date| date.skew_ms())
    }

    /// When the certificate ends that it showed last; none over folders and plain HTTP.
    pub fn certificate_ends_at(&self) -> Option<Timestamp> {
        match self {
            Self::Http(http) => http.certificate_ends_at(),
            Self::Directory(_) => None,
            Self::Rehearsed(rehearsed) => rehearsed.real().certificate_ends_at(),
        }
    }

    /// Whether it is asked over a connection, which is there for all or for none; folders are each there or not.
    pub fn answers_at_once(&self) -> bool {
        match self {
            Self::Http(_) => ANSWERS,
            Self::Directory(_) => !ANSWERS,
            Self::Rehearsed(rehearsed) => rehearsed.real().answers_at_once(),
        }
    }

    /// Whether a lot can be deposited, as far as that can be told without depositing it.
    ///
    /// # Errors
    /// What would come back where it cannot.
    pub async fn can_take(&self, file: &ExchangeFile) -> Result<(), Answer> {
        match self {
            Self::Http(_) => Ok(()),
            Self::Directory(folders) => match imported(folders, file).await? {
                Some(_) => Ok(()),
                None => folders.can_publish(IMPORT),
            },
            Self::Rehearsed(rehearsed) => Box::pin(rehearsed.real().can_take(file)).await,
        }
    }

    /// Whether it can be used for a school: it answers, or its folders can be read and written. Nothing is changed there.
    ///
    /// # Errors
    /// What came back when it cannot.
    pub async fn probe(&self, school: SchoolKey) -> Result<(), Answer> {
        self.response_files(school, 0).await?;
        if let Self::Directory(folders) = self {
            for folder in [IMPORTED, REJECTED, REPORT] {
                folders.visible(folder, "").await?;
            }
            folders.can_publish(IMPORT)?;
        }
        Ok(())
    }

    /// Deposits a lot. The same lot again changes nothing.
    pub async fn publish(&self, file: &ExchangeFile) -> Answer {
        let done = match self {
            Self::Http(http) => put(http, file).await,
            Self::Directory(folders) => lay_down(folders, file).await,
            Self::Rehearsed(rehearsed) => Box::pin(rehearsed.publish(file)).await.map(|()| ACCEPTED),
        };
        done.map_or_else(|answer| answer, status)
    }

    /// What became of the lot named `name`.
    ///
    /// # Errors
    /// What came back when it was none of the answers that can be given.
    pub async fn receipt(&self, name: &FileName) -> Result<ReceiptAnswer, Answer> {
        let own = FileName { document: Document::Receipt, format: Format::Xml, ..*name };
        match self {
            Self::Http(http) => ask_receipt(http, name, own).await,
            Self::Directory(folders) => find_receipt(folders, name, own).await,
            Self::Rehearsed(rehearsed) => Box::pin(rehearsed.receipt(name)).await,
        }
    }

    /// The response files numbered above `after`, ascending.
    ///
    /// # Errors
    /// What came back when it was no listing.
    pub async fn response_files(&self, school: SchoolKey, after: u32) -> Result<Vec<ResponseRef>, Answer> {
        let mut found = match self {
            Self::Http(http) => ask_response_files(http, school, after).await?,
            Self::Directory(folders) => find_response_files(folders, school).await?,
            Self::Rehearsed(rehearsed) => {
                let listed = Box::pin(rehearsed.real().response_files(school, after)).await;
                rehearsed.heard(listed)?
            }
        };
        found.retain(|file| after < file.number);
        found.sort_by_key(|file| (file.number, file.name));
        Ok(found)
    }

    /// The bytes of a response file.
    ///
    /// # Errors
    /// `Unusable` when they don't have the digest that was published; else what came back.
    pub async fn response_file(&self, school: SchoolKey, file: &ResponseRef) -> Result<Vec<u8>, Answer> {
        let bytes = match self {
            Self::Http(http) => {
                let number = file.number.to_string();
                let (uai, year) = (school.uai.as_str(), school.year.to_string());
                let path = ["exports", "orientation", "reponses", uai, &year, &number];
                http.ask(&Ask { path: &path, query: &[], upload: None, repeat: Repeat::Freely }).await?.body
            }
            Self::Directory(folders) => folders.read(EXPORT, &file.name.to_string()).await?.ok_or_else(|| {
                Answer::Unusable { why: format!("response file {} is no longer published", file.number) }
            })?,
            Self::Rehearsed(rehearsed) => Box::pin(rehearsed.real().response_file(school, file)).await?,
        };
        if envelope::sha256(&bytes) == file.sha256 {
            Ok(bytes)
        } else {
            let why = format!("response file {} does not have the digest published for it", file.number);
            Err(Answer::Unusable { why })
        }
    }
}

const fn status(code: u16) -> Answer {
    Answer::Status { code, problem: None, retry_after_s: None }
}

async fn put(http: &Http, file: &ExchangeFile) -> Result<u16, Answer> {
    let school = file.name.key.school;
    let (year, number) = (school.year.to_string(), file.name.number.to_string());
    let content_type = match file.name.format {
        Format::Xml => "application/xml",
        Format::Csv if file.bytes.starts_with(BOM) => "text/csv; charset=utf-8",
        Format::Csv => "text/csv; charset=iso-8859-15",
    };
    let upload = Upload {
        bytes: &file.bytes,
        content_type,
        key: Some(&format!("{school}-{number}")),
        file_name: Some(&file.name.to_string()),
    };
    let path = ["imports", "orientation", "demandes", school.uai.as_str(), &year, &number];
    // A lot in doubt is asked after before it goes again (siecle.md, over HTTP).
    let ask = Ask { path: &path, query: &[], upload: Some(upload), repeat: Repeat::UnlessArrived };
    http.ask(&ask).await.map(|reply| reply.code)
}

async fn lay_down(folders: &Directory, file: &ExchangeFile) -> Result<u16, Answer> {
    if let Some(code) = imported(folders, file).await? {
        return Ok(code);
    }
    folders.publish(IMPORT, &file.name.to_string(), &file.bytes).await.map(|()| ACCEPTED)
}

/// A lot that Siècle took already is not put before it again: the same as over HTTP, 202 or 409.
async fn imported(folders: &Directory, file: &ExchangeFile) -> Result<Option<u16>, Answer> {
    match folders.read(IMPORTED, &file.name.to_string()).await? {
        Some(taken) if taken == file.bytes => Ok(Some(ACCEPTED)),
        Some(_) => Err(status(CONFLICT)),
        None => Ok(None),
    }
}

async fn ask_receipt(http: &Http, lot: &FileName, own: FileName) -> Result<ReceiptAnswer, Answer> {
    let school = lot.key.school;
    let (year, number) = (school.year.to_string(), lot.number.to_string());
    let path = ["imports", "orientation", "demandes", school.uai.as_str(), &year, &number, "compte-rendu"];
    match http.ask(&Ask { path: &path, query: &[], upload: None, repeat: Repeat::Freely }).await {
        Ok(reply) if reply.code == OK => Ok(ReceiptAnswer::Receipt(reply.body, own)),
        Ok(reply) if reply.code == ACCEPTED => Ok(ReceiptAnswer::NotTreated),
        Ok(reply) => Err(Answer::Unusable { why: format!("a receipt is answered 200 or 202, not {}", reply.code) }),
        Err(Answer::Status { code: GONE, .. }) => Ok(ReceiptAnswer::Replaced),
        Err(Answer::Status { code: NOT_FOUND, .. }) => Ok(ReceiptAnswer::NeverReceived),
        // `/metier` is final whatever the status: there will be no receipt.
        Err(Answer::Status { problem: Some(Problem::Business { .. }), .. }) => Ok(ReceiptAnswer::RejectedFile),
        Err(answer) => Err(answer),
    }
}

/// A lot is settled by its presence (siecle.md, over folders).
async fn find_receipt(folders: &Directory, lot: &FileName, own: FileName) -> Result<ReceiptAnswer, Answer> {
    let name = lot.to_string();
    // In the order in which a file moves, so that one that moves meanwhile is seen at least once.
    let waits = folders.publishes(IMPORT, &name).await?;
    let taken = folders.holds(IMPORTED, &name).await?;
    let rejected = folders.holds(REJECTED, &name).await?;
    if folders.publishes(REPORT, &own.to_string()).await? {
        let bytes = folders.read(REPORT, &own.to_string()).await?;
        return Ok(bytes.map_or(ReceiptAnswer::NotTreated, |bytes| ReceiptAnswer::Receipt(bytes, own)));
    }
    let receipts = folders.published(REPORT, &of_school(lot.key.school)).await?;
    let receipts: Vec<FileName> = receipts.iter().filter_map(|name| FileName::parse(name)).collect();
    let later =
        |other: &FileName| other.document == Document::Receipt && other.key == lot.key && lot.number < other.number;
    let overtaken = receipts.iter().any(later);
    // A lot given again after a rejection stands in both places: where it waits is the newer.
    Ok(match (waits || taken, rejected, overtaken) {
        (true, _, true) | (false, false, true) => ReceiptAnswer::Replaced,
        (true, _, false) => ReceiptAnswer::NotTreated,
        (false, true, _) => ReceiptAnswer::RejectedFile,
        (false, false, false) => ReceiptAnswer::NeverReceived,
    })
}

/// How the names of a school's files begin, of whatever year.
fn of_school(school: SchoolKey) -> String {
    format!("{}-", school.uai)
}

async fn ask_response_files(http: &Http, school: SchoolKey, after: u32) -> Result<Vec<ResponseRef>, Answer> {
    let (year, after) = (school.year.to_string(), after.to_string());
    let path = ["exports", "orientation", "reponses", school.uai.as_str(), &year];
    let query = [("depuis", after.as_str())];
    let reply = http.ask(&Ask { path: &path, query: &query, upload: None, repeat: Repeat::Freely }).await?;
    let listed = listing::decode(school, &reply.body).map_err(|fault| Answer::Unusable { why: fault.to_string() })?;
    let of_listed = |file: ListedResponse| ResponseRef {
        number: file.number,
        name: file.name,
        sha256: file.sha256,
        size_bytes: file.size_bytes,
    };
    Ok(listed.into_iter().map(of_listed).collect())
}

async fn find_response_files(folders: &Directory, school: SchoolKey) -> Result<Vec<ResponseRef>, Answer> {
    let mut found = Vec::new();
    for name in folders.published(EXPORT, &of_school(school)).await? {
        let Some(parsed) = FileName::parse(&name) else { continue };
        // A file of another school year is handed on, so that it is refused by name (`ANNEE`).
        if parsed.document != Document::Responses || parsed.key.school.uai != school.uai {
            continue;
        }
        if let Some((sha256, size_bytes)) = folders.announced(EXPORT, &name).await? {
            found.push(ResponseRef { number: parsed.number, name: parsed, sha256, size_bytes });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::fixture::{DigestIs, Far, Folders, code, ok, player, school, status as answered};
    use rstest::rstest;

    const ALL: [&str; 5] = [IMPORT, IMPORTED, REJECTED, REPORT, EXPORT];
    const LOT: &str = "0380001V-2019-DEM-3E-DEFINITIVE-00012.xml";
    const BYTES: &[u8] = b"<LOT/>";
    const RECEIPT: &str = "0380001V-2019-CR-3E-DEFINITIVE-00012.xml";
    const RESPONSES: &str = "0380001V-2019-REP-3E-DEFINITIVE-00003.csv";

    fn name(text: &str) -> FileName {
        FileName::parse(text).unwrap()
    }

    fn lot() -> ExchangeFile {
        ExchangeFile::new(name(LOT), BYTES.to_vec())
    }

    fn over_http(far: &Far) -> Siecle {
        Siecle::http(HttpOptions::new(far.base.clone()), player(), Crash::off()).unwrap()
    }

    fn over_folders(folders: &Folders) -> Siecle {
        Siecle::directory(folders.options(), Files::default())
    }

    #[rstest]
    #[case::xml(LOT, BYTES, "application/xml")]
    #[case::csv_utf8("0380001V-2019-DEM-3E-DEFINITIVE-00012.csv", b"\xef\xbb\xbfuai", "text/csv; charset=utf-8")]
    #[case::csv_latin9("0380001V-2019-DEM-3E-DEFINITIVE-00012.csv", b"uai", "text/csv; charset=iso-8859-15")]
    #[tokio::test]
    async fn a_lot_goes_up_under_its_number(#[case] named: &str, #[case] bytes: &[u8], #[case] content_type: &str) {
        let far = Far::saying([code(202).with("location", "/x")]).await;
        let file = ExchangeFile::new(name(named), bytes.to_vec());
        assert_eq!(over_http(&far).publish(&file).await, answered(202));
        let asked = far.asked().pop().unwrap();
        assert_eq!(asked.method, "PUT");
        assert_eq!(asked.target, "/base/imports/orientation/demandes/0380001V/2019/12");
        assert_eq!(&asked.body[..], bytes);
        assert_eq!(asked.header("content-type"), Some(content_type));
        assert_eq!(asked.header("idempotency-key"), Some("0380001V-2019-12"));
        let disposition = format!("attachment; filename=\"{named}\"");
        assert_eq!(asked.header("content-disposition"), Some(disposition.as_str()));
    }

    #[rstest]
    #[case::treated(200, Some(ReceiptAnswer::Receipt(BYTES.to_vec(), name(RECEIPT))))]
    #[case::waits(202, Some(ReceiptAnswer::NotTreated))]
    #[case::replaced(410, Some(ReceiptAnswer::Replaced))]
    #[case::never_received(404, Some(ReceiptAnswer::NeverReceived))]
    #[case::forbidden(403, None)]
    #[case::down(503, None)]
    #[case::neither_this_nor_that(204, None)]
    #[tokio::test]
    async fn what_became_of_a_lot_over_http(#[case] status: u16, #[case] expected: Option<ReceiptAnswer>) {
        let body = if status == 204 { b"" } else { BYTES };
        let far = Far::saying(vec![code(status).saying(body); 4]).await;
        assert_eq!(over_http(&far).receipt(&name(LOT)).await.ok(), expected);
        let target = "/base/imports/orientation/demandes/0380001V/2019/12/compte-rendu";
        assert!(far.asked().iter().all(|asked| asked.target == target));
    }

    #[rstest]
    #[case::refused_for_good(500, "/metier", Some(ReceiptAnswer::RejectedFile))]
    #[case::failing(500, "/technique", None)]
    #[case::never_received(404, "/metier", Some(ReceiptAnswer::NeverReceived))]
    #[tokio::test]
    async fn a_problem_in_place_of_a_receipt(
        #[case] status: u16,
        #[case] kind: &str,
        #[case] expected: Option<ReceiptAnswer>,
    ) {
        let body = format!(r#"{{"type":"{kind}","code":"FICHIER"}}"#);
        let far = Far::saying(vec![code(status).saying(body); 4]).await;
        assert_eq!(over_http(&far).receipt(&name(LOT)).await.ok(), expected);
    }

    #[tokio::test]
    async fn a_lot_is_laid_down_once() {
        let folders = Folders::new(&ALL);
        for _ in 0..2 {
            assert_eq!(over_folders(&folders).publish(&lot()).await, answered(202));
        }
        assert_eq!(folders.names(IMPORT), [LOT.to_owned(), format!("{LOT}.sha256")]);
        assert_eq!(folders.bytes(IMPORT, LOT).unwrap(), BYTES);
    }

    #[rstest]
    #[case::the_same_was_taken(IMPORTED, BYTES, 202, false)]
    #[case::another_was_taken(IMPORTED, b"<LOU/>", 409, false)]
    #[case::another_waits(IMPORT, b"<LOU/>", 409, true)]
    #[case::the_same_was_rejected_and_goes_again(REJECTED, BYTES, 202, true)]
    #[tokio::test]
    async fn a_number_never_means_two_contents(
        #[case] folder: &str,
        #[case] bytes: &[u8],
        #[case] status: u16,
        #[case] stands: bool,
    ) {
        let folders = Folders::new(&ALL);
        folders.put(folder, LOT, bytes, DigestIs::Right);
        assert_eq!(over_folders(&folders).publish(&lot()).await, answered(status));
        assert_eq!(folders.bytes(IMPORT, LOT).is_some(), stands);
    }

    #[tokio::test]
    async fn a_half_laid_lot_is_finished() {
        let folders = Folders::new(&ALL);
        folders.put(IMPORT, LOT, BYTES, DigestIs::Missing);
        let siecle = over_folders(&folders);
        assert_eq!(siecle.receipt(&name(LOT)).await, Ok(ReceiptAnswer::NeverReceived));
        assert_eq!(siecle.publish(&lot()).await, answered(202));
        assert_eq!(siecle.receipt(&name(LOT)).await, Ok(ReceiptAnswer::NotTreated));
    }

    const LATER: &str = "0380001V-2019-CR-3E-DEFINITIVE-00013.xml";

    #[rstest]
    #[case::nowhere(&[], ReceiptAnswer::NeverReceived)]
    #[case::waits(&[(IMPORT, LOT)], ReceiptAnswer::NotTreated)]
    #[case::taken(&[(IMPORTED, LOT)], ReceiptAnswer::NotTreated)]
    #[case::rejected(&[(REJECTED, LOT)], ReceiptAnswer::RejectedFile)]
    #[case::treated(&[(IMPORTED, LOT), (REPORT, RECEIPT)], ReceiptAnswer::Receipt(BYTES.to_vec(), name(RECEIPT)))]
    #[case::treated_and_put_away(&[(REPORT, RECEIPT)], ReceiptAnswer::Receipt(BYTES.to_vec(), name(RECEIPT)))]
    #[case::treated_before_a_later_one(
        &[(REPORT, RECEIPT), (REPORT, LATER)],
        ReceiptAnswer::Receipt(BYTES.to_vec(), name(RECEIPT))
    )]
    #[case::rejected_with_receipt(
        &[(REJECTED, LOT), (REPORT, RECEIPT)],
        ReceiptAnswer::Receipt(BYTES.to_vec(), name(RECEIPT))
    )]
    #[case::overtaken_in_import(&[(IMPORT, LOT), (REPORT, LATER)], ReceiptAnswer::Replaced)]
    #[case::overtaken_after_it(&[(IMPORTED, LOT), (REPORT, LATER)], ReceiptAnswer::Replaced)]
    #[case::overtaken_and_gone(&[(REPORT, LATER)], ReceiptAnswer::Replaced)]
    #[case::rejected_before_a_later_one(&[(REJECTED, LOT), (REPORT, LATER)], ReceiptAnswer::RejectedFile)]
    #[case::given_again_after_a_rejection(&[(REJECTED, LOT), (IMPORT, LOT)], ReceiptAnswer::NotTreated)]
    #[case::an_earlier_receipt(
        &[(IMPORT, LOT), (REPORT, "0380001V-2019-CR-3E-DEFINITIVE-00011.xml")],
        ReceiptAnswer::NotTreated
    )]
    #[case::another_campaigns_receipt(
        &[(IMPORT, LOT), (REPORT, "0380001V-2019-CR-3E-PROVISOIRE-00013.xml")],
        ReceiptAnswer::NotTreated
    )]
    #[case::another_schools_receipt(
        &[(IMPORT, LOT), (REPORT, "0750654D-2019-CR-3E-DEFINITIVE-00012.xml")],
        ReceiptAnswer::NotTreated
    )]
    #[case::another_file(&[(IMPORT, LOT), (REPORT, "lisez-moi.txt")], ReceiptAnswer::NotTreated)]
    #[tokio::test]
    async fn what_became_of_a_lot_over_folders(#[case] there: &[(&str, &str)], #[case] expected: ReceiptAnswer) {
        let folders = Folders::new(&ALL);
        there.iter().for_each(|(folder, file)| folders.put(folder, file, BYTES, DigestIs::Right));
        assert_eq!(over_folders(&folders).receipt(&name(LOT)).await, Ok(expected));
    }

    #[rstest]
    #[case::receipt_without_digest(REPORT, RECEIPT, DigestIs::Missing, ReceiptAnswer::NotTreated)]
    #[case::taken_without_digest(IMPORTED, LOT, DigestIs::Missing, ReceiptAnswer::NotTreated)]
    #[case::rejected_without_digest(REJECTED, LOT, DigestIs::Missing, ReceiptAnswer::NotTreated)]
    #[tokio::test]
    async fn a_receipt_without_digest_does_not_exist_yet_while_a_lot_that_moved_has_arrived(
        #[case] folder: &str,
        #[case] file: &str,
        #[case] digest: DigestIs,
        #[case] expected: ReceiptAnswer,
    ) {
        let folders = Folders::new(&ALL);
        folders.put(IMPORT, LOT, BYTES, DigestIs::Right);
        folders.put(folder, file, BYTES, digest);
        assert_eq!(over_folders(&folders).receipt(&name(LOT)).await, Ok(expected));
    }

    #[tokio::test]
    async fn a_receipt_with_another_digest_is_unusable() {
        let folders = Folders::new(&ALL);
        folders.put(REPORT, RECEIPT, BYTES, DigestIs::Wrong);
        let answer = over_folders(&folders).receipt(&name(LOT)).await.unwrap_err();
        assert!(matches!(&answer, Answer::Unusable { why } if why.contains(RECEIPT)), "{answer:?}");
    }

    #[rstest]
    #[case(IMPORT)]
    #[case(IMPORTED)]
    #[case(REJECTED)]
    #[case(REPORT)]
    #[tokio::test]
    async fn where_a_folder_is_missing_no_lot_was_never_received(#[case] missing: &str) {
        let folders = Folders::new(&ALL);
        folders.remove(missing);
        let answer = over_folders(&folders).receipt(&name(LOT)).await.unwrap_err();
        assert!(matches!(&answer, Answer::NotSent { why } if why.contains(missing)), "{answer:?}");
    }

    #[tokio::test]
    async fn missing_folders_mean_that_nothing_was_given_or_read() {
        let siecle = over_folders(&Folders::new(&[]));
        assert!(matches!(siecle.publish(&lot()).await, Answer::NotSent { .. }));
        assert!(matches!(siecle.response_files(school(), 0).await, Err(Answer::NotSent { .. })));
        assert_eq!((siecle.last_date(), siecle.skew_ms()), (None, None));
    }

    #[tokio::test]
    async fn response_files_of_this_school_ascending() {
        let folders = Folders::new(&ALL);
        for (file, digest) in [
            ("0380001V-2019-REP-3E-PROVISOIRE-00010.xml", DigestIs::Right),
            (RESPONSES, DigestIs::Right),
            ("0380001V-2019-REP-3E-DEFINITIVE-00002.csv", DigestIs::Right),
            ("0380001V-2019-REP-3E-DEFINITIVE-00004.csv", DigestIs::Missing),
            ("0380001V-2020-REP-3E-DEFINITIVE-00005.csv", DigestIs::Right),
            ("0750654D-2019-REP-3E-DEFINITIVE-00006.csv", DigestIs::Right),
            ("0380001V-2019-DEM-3E-DEFINITIVE-00007.csv", DigestIs::Right),
            ("lisez-moi.txt", DigestIs::Right),
        ] {
            folders.put(EXPORT, file, file.as_bytes(), digest);
        }
        let siecle = over_folders(&folders);
        let found = siecle.response_files(school(), 2).await.unwrap();
        assert_eq!(found.iter().map(|file| file.number).collect::<Vec<_>>(), [3, 5, 10]);
        let (size_bytes, sha256) = (RESPONSES.len() as u64, envelope::sha256(RESPONSES.as_bytes()));
        assert_eq!(found[0], ResponseRef { number: 3, name: name(RESPONSES), sha256, size_bytes });
        assert_eq!(siecle.response_file(school(), &found[0]).await.unwrap(), RESPONSES.as_bytes());
    }

    #[tokio::test]
    async fn a_response_file_with_another_digest_is_listed_and_not_read() {
        let folders = Folders::new(&ALL);
        folders.put(EXPORT, RESPONSES, BYTES, DigestIs::Wrong);
        let siecle = over_folders(&folders);
        let file = siecle.response_files(school(), 0).await.unwrap().remove(0);
        assert!(matches!(siecle.response_file(school(), &file).await, Err(Answer::Unusable { .. })));
        folders.put(EXPORT, RESPONSES, BYTES, DigestIs::Right);
        let answer = siecle.response_file(school(), &file).await;
        assert!(matches!(answer, Err(Answer::Unusable { .. })), "it changed since it was listed: {answer:?}");
    }

    #[tokio::test]
    async fn response_files_over_http() {
        let listed =
            ListedResponse { number: 3, name: name(RESPONSES), sha256: envelope::sha256(BYTES), size_bytes: 6 };
        let earlier = ListedResponse { number: 2, name: FileName { number: 2, ..name(RESPONSES) }, ..listed.clone() };
        let far = Far::saying([ok(listing::encode(&[earlier, listed])), ok(BYTES), ok(b"<LOU/>")]).await;
        let siecle = over_http(&far);
        let found = siecle.response_files(school(), 2).await.unwrap();
        assert_eq!(found.iter().map(|file| file.number).collect::<Vec<_>>(), [3], "what was not asked for is left out");
        assert_eq!(siecle.response_file(school(), &found[0]).await.unwrap(), BYTES);
        let other = siecle.response_file(school(), &found[0]).await.unwrap_err();
        assert!(matches!(other, Answer::Unusable { .. }), "{other:?}");
        let targets: Vec<String> = far.asked().into_iter().map(|asked| asked.target).collect();
        let base = "/base/exports/orientation/reponses/0380001V/2019";
        assert_eq!(targets, [format!("{base}?depuis=2"), format!("{base}/3"), format!("{base}/3")]);
    }
}
