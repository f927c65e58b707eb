//! The recaps of R13, in the guide's two wordings, put into a folder as files of text.

use crate::domain::{
    campaign::Phase,
    pupil::{Pupil, Representative},
    time::{Timestamp, Zone},
};
use crate::files::{FileFault, Files};
use crate::sandbox::{
    desk::Version,
    pages::words::{self, ChoiceWords},
    teleservice::MailKind,
};
use askama::Template;
use std::path::{Path, PathBuf};

/// Longest recap that is shown again: three choices with long names, several times over.
const LETTER_BYTES_MAX: u64 = 256 * 1024;
const ENDING: &str = ".txt";

/// A school as it signs its letters.
#[derive(Clone, Debug, Default)]
pub struct Letterhead {
    /// Name, as staff know it.
    pub name: String,
    /// The block under a letter: name, address, telephone, mail.
    pub block: Vec<String>,
}

impl Letterhead {
    /// A school that exists nowhere: its block is made of its name and its UAI's telephone and mail.
    pub fn synthetic(name: &str, uai: &str) -> Self {
        let mail = format!("ce.{}@etablissement.example", uai.to_lowercase());
        let block = [name.to_uppercase(), "1 PLACE DE L'ECOLE".to_owned(), "01 02 03 04 05".to_owned(), mail];
        Self { name: name.to_owned(), block: block.to_vec() }
    }
}

/// What a recap is about.
pub struct Recap<'a> {
    /// For whom, and so in which wording.
    pub kind: MailKind,
    /// To whom.
    pub to: &'a Representative,
    /// Who entered.
    pub by: &'a str,
    /// The pupil.
    pub pupil: &'a Pupil,
    /// The phase.
    pub phase: Phase,
    /// What was validated last.
    pub version: &'a Version,
    /// Zone of the school.
    pub zone: Zone,
    /// When the session ended.
    pub sent_at: Timestamp,
    /// Who signs.
    pub letterhead: &'a Letterhead,
}

/// The text of a recap; its blank lines are the guide's.
#[derive(Template)]
#[template(path = "recap.txt", config = "src/askama.toml")]
struct Text<'a> {
    to: String,
    sent_at: String,
    subject: &'static str,
    owner: bool,
    provisional: bool,
    by: &'a str,
    at: String,
    pupil: String,
    choices: String,
    block: &'a [String],
}

impl Recap<'_> {
    /// Its text; none for a representative who has no address.
    pub fn text(&self) -> Option<String> {
        let address = self.to.email.as_ref()?;
        let (owner, provisional) = (self.kind == MailKind::Owner, self.phase == Phase::Provisional);
        let text = Text {
            to: format!("{} <{}>", words::person(self.to), address.reveal()),
            sent_at: words::stamp(self.sent_at, self.zone),
            subject: match self.phase {
                Phase::Provisional => "[ORIENTATION] Saisie des intentions provisoires d'orientation",
                Phase::Definitive => "[ORIENTATION] Saisie des choix définitifs d'orientation",
            },
            owner,
            provisional,
            by: self.by,
            at: words::stamp(self.version.at, self.zone),
            pupil: words::pupil(self.pupil),
            choices: listed(&words::choices(&self.version.choices)),
            block: &self.letterhead.block,
        };
        text.render().ok()
    }
}

/// The choices as the guide's recap lists them: what goes with a vocational one stands under it, between blank lines.
fn listed(choices: &[ChoiceWords]) -> String {
    let one = |choice: &ChoiceWords| {
        let formation = choice.formation.as_ref().map(|formation| format!("\nMétier ou formation : {formation}\n"));
        let status = choice.status.map(|status| format!("\n{status}\n\n"));
        let (rank, track) = (choice.rank, &choice.track);
        format!("- Choix {rank} : {track}\n{}{}", formation.unwrap_or_default(), status.unwrap_or_default())
    };
    choices.iter().map(one).collect::<String>().trim_end().to_owned()
}

/// The folder of recaps.
pub struct Letters {
    files: Files,
    folder: PathBuf,
}

impl Letters {
    /// Recaps in `folder`.
    pub const fn new(files: Files, folder: PathBuf) -> Self {
        Self { files, folder }
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts a recap down under its number.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub async fn put(&self, number: usize, text: &str) -> Result<(), FileFault> {
        self.files.create_private_dir(&self.folder).await?;
        self.files.publish(&self.folder, &name_of(number), text.as_bytes()).await
    }

    /// Reads a recap again.
    pub async fn read(&self, number: usize) -> Option<String> {
        let bytes = self.files.read(&self.folder.join(name_of(number)), LETTER_BYTES_MAX).await.ok()?;
        String::from_utf8(bytes).ok()
    }
}

/// Names say a number, and nothing about people.
pub fn name_of(number: usize) -> String {
    format!("recapitulatif-{number:05}{ENDING}")
}
