//! What is asked of Siècle: deposits of lots, their receipts, and response files (siecle.md).

use crate::{
    clock::Clock,
    codec::{
        envelope::{self, ExchangeFile},
        json::listing::{self, ListedResponse},
    },
    crash::Crash,
    domain::{
        lot::{Document, FileName, Format},
        school::SchoolKey,
    },
    plan::delivery::Answer,
    transport::{
        directory::{Directory, DirectoryOptions},
        http::{Ask, FarDate, Http, HttpOptions, Repeat, SetupFault, Upload},
    },
};

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
    /// Put aside as unreadable, without a receipt (folders only).
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
    pub fn directory(options: DirectoryOptions, crash: Crash) -> Self {
        Self::Directory(Directory::new(options, crash))
    }

    /// The latest `Date` that it sent; none over folders.
    pub fn last_date(&self) -> Option<FarDate> {
        match self {
            Self::Http(http) => http.last_date(),
            Self::Directory(_) => None,
        }
    }

    /// How far our clock was ahead of its clock when it last answered; none over folders.
    pub fn skew_ms(&self) -> Option<i64> {
        self.last_date().map(|date| date.skew_ms())
    }

    /// Deposits a lot. The same lot again changes nothing.
    pub async fn publish(&self, file: &ExchangeFile) -> Answer {
        let done = match self {
            Self::Http(http) => put(http, file).await,
            Self::Directory(folders) => lay_down(folders, file).await,
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
        };
        found.retain(|file| after < file.number);
        found.sort_by(|one, other| (one.number, one.name).cmp(&(other.number, other.name)));
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
    let name = file.name.to_string();
    // A lot that Siècle took already is not put before it again: the same as over HTTP, 202 or 409.
    if let Some(taken) = folders.read(IMPORTED, &name).await? {
        return if taken == file.bytes { Ok(ACCEPTED) } else { Err(status(CONFLICT)) };
    }
    folders.publish(IMPORT, &name, &file.bytes).await.map(|()| ACCEPTED)
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
        Err(answer) => Err(answer),
    }
}

/// A lot is settled by its presence (siecle.md, over folders).
async fn find_receipt(folders: &Directory, lot: &FileName, own: FileName) -> Result<ReceiptAnswer, Answer> {
    let name = lot.to_string();
    // In the order in which a file moves, so that one that moves meanwhile is seen at least once.
    let waits = folders.published(IMPORT).await?.contains(&name);
    let taken = folders.holds(IMPORTED, &name).await?;
    let rejected = folders.holds(REJECTED, &name).await?;
    let receipts: Vec<FileName> =
        folders.published(REPORT).await?.iter().filter_map(|name| FileName::parse(name)).collect();
    if receipts.contains(&own) {
        let bytes = folders.read(REPORT, &own.to_string()).await?;
        return Ok(bytes.map_or(ReceiptAnswer::NotTreated, |bytes| ReceiptAnswer::Receipt(bytes, own)));
    }
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
    for name in folders.published(EXPORT).await? {
        let Some(parsed) = FileName::parse(&name) else { continue };
        if parsed.document != Document::Responses || parsed.key.school != school {
            continue;
        }
        if let Some((sha256, size_bytes)) = folders.announced(EXPORT, &name).await? {
            found.push(ResponseRef { number: parsed.number, name: parsed, sha256, size_bytes });
        }
    }
    Ok(found)
}
