//! Siècle over folders (siecle.md): `import/`, `imported/`, `rejected/`, `report/`, `export/`.

use crate::codec::{ExchangeFile, envelope::sha256};
use crate::crash::Crash;
use crate::domain::{
    lot::{Document, FileName},
    school::SchoolKey,
    time::Timestamp,
};
use crate::files::{FileFault, Files, digest_line};
use crate::sandbox::{
    Shared,
    councils::ResponseFile,
    faults::Topic,
    folders::{FILE_BYTES_MAX, gate::Gate},
    hold,
    siecle::{DepositState, ReceiptState, Siecle},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// A Siècle behind a folder.
pub struct SiecleFolder {
    stand_in: Shared<Siecle>,
    files: Files,
    root: Gate,
    import: Gate,
    imported: Gate,
    rejected: Gate,
    report: Gate,
    export: Gate,
    reported: BTreeSet<(SchoolKey, u32)>,
    exported: BTreeMap<(SchoolKey, u32), ResponseFile>,
}

/// Where a file of `import/` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Stays,
    Imported,
    Rejected,
}

impl SiecleFolder {
    /// Makes the folders under `root`, and publishes nothing yet.
    ///
    /// # Errors
    /// When the folders cannot be made.
    pub async fn open(stand_in: &Shared<Siecle>, root: &Path) -> Result<Self, FileFault> {
        let gate = |name: &str| Gate::new(&root.join(name));
        let own = Self {
            stand_in: Shared::clone(stand_in),
            // The stand-in is another program: navette's crash points are not its own, and it keeps nothing for good.
            files: Files::for_a_play(Crash::off()),
            root: Gate::new(root),
            import: gate("import"),
            imported: gate("imported"),
            rejected: gate("rejected"),
            report: gate("report"),
            export: gate("export"),
            reported: BTreeSet::new(),
            exported: BTreeMap::new(),
        };
        for gate in [&own.root, &own.import, &own.imported, &own.rejected, &own.report, &own.export] {
            own.files.create_private_dir(gate.path()).await?;
        }
        Ok(own)
    }

    /// Acts on all that lies in the folders now: takes lots by number, publishes receipts, moves what is done with, then
    /// publishes response files. Answers whether anything changed.
    ///
    /// # Errors
    /// When a folder that should be usable is not.
    pub async fn turn(&mut self, now: Timestamp) -> Result<bool, FileFault> {
        let (up, lots, receipts, responses) = {
            let siecle = hold(&self.stand_in);
            let faults = &siecle.faults;
            let serves = |topic| faults.serves(topic);
            (faults.is_up(), serves(Topic::Lots), serves(Topic::Receipts), serves(Topic::Responses))
        };
        self.root.set(up)?;
        if !up {
            return Ok(false);
        }
        self.import.set(lots)?;
        self.report.set(receipts)?;
        self.export.set(responses)?;
        let deposited = if lots { self.take(now).await? } else { Vec::new() };
        let reported = if receipts { self.publish_reports().await? } else { false };
        let mut moved = false;
        for (name, way) in &deposited {
            moved |= self.move_on(name, *way).await?;
        }
        let exported = if responses { self.publish_responses().await? } else { false };
        Ok(reported || moved || exported)
    }

    async fn take(&self, now: Timestamp) -> Result<Vec<(String, Way)>, FileFault> {
        let dir = self.import.path();
        let mut names: Vec<_> =
            self.files.list(dir).await?.into_iter().map(|name| (FileName::parse(&name), name)).collect();
        names.sort_by_key(|(parsed, _)| parsed.map(|parsed| (parsed.key.school, parsed.number)));
        let mut refused = BTreeSet::new();
        for (parsed, name) in &names {
            let lot = parsed.filter(|parsed| parsed.document == Document::Demands);
            let taken = match (self.files.read_verified(dir, name, FILE_BYTES_MAX).await, lot) {
                (Ok(None), _) => true,
                (Ok(Some(bytes)), Some(lot)) => hold(&self.stand_in).deposit(lot, &bytes, now).is_ok(),
                (
                    Ok(Some(_)) | Err(FileFault::Digest(_) | FileFault::DigestLine(_) | FileFault::TooLarge { .. }),
                    _,
                ) => false,
                (Err(fault), _) => return Err(fault),
            };
            if !taken {
                refused.insert(name.clone());
            }
        }
        // A lot can be replaced by one that came in the same turn: where each goes is known once all are taken.
        let siecle = hold(&self.stand_in);
        let way = |parsed: Option<FileName>| match parsed.map(|lot| siecle.receipt(lot.key.school, lot.number)) {
            Some(ReceiptState::Treated(_) | ReceiptState::Replaced) => Way::Imported,
            Some(ReceiptState::Waiting | ReceiptState::Unknown) => Way::Stays,
            Some(ReceiptState::Rejected(_)) | None => Way::Rejected,
        };
        let way = |parsed, name: &String| if refused.contains(name) { Way::Rejected } else { way(parsed) };
        Ok(names.into_iter().map(|(parsed, name)| (way(parsed, &name), name)).map(|(way, name)| (name, way)).collect())
    }

    async fn publish_reports(&mut self) -> Result<bool, FileFault> {
        let new: Vec<((SchoolKey, u32), ExchangeFile)> = {
            let siecle = hold(&self.stand_in);
            let offices = siecle.schools().filter_map(|school| Some((school, siecle.school(school)?)));
            let treated = offices.flat_map(|(school, office)| {
                office.deposits.iter().filter_map(move |(number, deposit)| match &deposit.state {
                    DepositState::Treated { receipt, .. } => Some(((school, *number), receipt.clone())),
                    DepositState::Waiting(_) | DepositState::Replaced | DepositState::Rejected(_) => None,
                })
            });
            treated.filter(|(key, _)| !self.reported.contains(key)).collect()
        };
        let changed = !new.is_empty();
        for (key, receipt) in new {
            self.files.publish(self.report.path(), &receipt.name.to_string(), &receipt.bytes).await?;
            self.reported.insert(key);
        }
        Ok(changed)
    }

    async fn move_on(&self, name: &str, way: Way) -> Result<bool, FileFault> {
        let from = self.import.path();
        let to = match way {
            Way::Stays => return Ok(false),
            Way::Imported => self.imported.path(),
            Way::Rejected => self.rejected.path(),
        };
        match self.files.read(&from.join(name), FILE_BYTES_MAX).await {
            Ok(bytes) => match self.files.publish(to, name, &bytes).await {
                // Other bytes of that name were refused before: once is enough to know it.
                Err(FileFault::Conflict(_)) => (),
                done => done?,
            },
            // Too large to be looked at: it goes without a trace but its absence from imported.
            Err(FileFault::TooLarge { .. }) => (),
            Err(fault) => return Err(fault),
        }
        self.files.remove_published(from, name).await
    }

    async fn publish_responses(&mut self) -> Result<bool, FileFault> {
        let new: Vec<((SchoolKey, u32), ResponseFile)> = {
            let siecle = hold(&self.stand_in);
            let offices = siecle.schools().filter_map(|school| Some((school, siecle.school(school)?)));
            let all = offices.flat_map(|(school, office)| {
                office.responses.iter().map(move |(number, file)| ((school, *number), file))
            });
            let is_new = |(key, file): &((SchoolKey, u32), &ResponseFile)| self.exported.get(key) != Some(*file);
            all.filter(is_new).map(|(key, file)| (key, file.clone())).collect()
        };
        let changed = !new.is_empty();
        for (key, file) in new {
            self.publish_response(&file).await?;
            self.exported.insert(key, file);
        }
        Ok(changed)
    }

    /// Publishes a response file with the digest that it is to have; one of the same name goes first.
    async fn publish_response(&self, file: &ResponseFile) -> Result<(), FileFault> {
        let dir = self.export.path();
        if Path::new(&file.name).file_name().and_then(|name| name.to_str()) != Some(file.name.as_str()) {
            // A hand-made name that leads out of the folder names no file here.
            return Ok(());
        }
        self.files.remove_published(dir, &file.name).await?;
        if file.sha256 == Some(sha256(&file.bytes)) {
            return self.files.publish(dir, &file.name, &file.bytes).await;
        }
        let digest = file.sha256.map(|digest| digest_line(&file.name, &digest));
        let digest = digest.map(|line| (format!("{}.sha256", file.name), line.into_bytes()));
        for (name, bytes) in [(file.name.clone(), file.bytes.clone())].into_iter().chain(digest) {
            let path = dir.join(name);
            let written = tokio::fs::write(&path, bytes).await;
            written.map_err(|source| FileFault::Io { action: "write", path, source })?;
        }
        Ok(())
    }
}
