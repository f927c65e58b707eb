//! The stand-ins behind folders; every turn is taken twice.

use crate::codec::{
    ExchangeFile, decode_receipt,
    json::{
        feed::{decode_ndjson, encode_event},
        orders::{OrderKind, OrderName, encode_responses, encode_window},
        refusals::{self, Refusal},
    },
};
use crate::crash::Crash;
use crate::domain::{campaign::Phase, lot::FileName, order::WindowOrder, time::Zone};
use crate::files::{FileFault, Files};
use crate::sandbox::{
    Shared,
    councils::{Council, DeliveredDigest},
    faults::Topic,
    folders::{FILE_BYTES_MAX, SiecleFolder, TeleserviceFolder},
    hold, share,
    siecle::{
        Siecle,
        tests::{file, siecle},
    },
    teleservice::Teleservice,
    tests::{JULES, STRANGER, closed, definitive, key, noon, responses, school, window},
};
use serde_json::{Map, json};
use std::collections::BTreeSet;
use tempfile::TempDir;

fn files() -> Files {
    Files::new(Crash::off())
}

struct DeskAtFolder {
    root: TempDir,
    teleservice: Shared<Teleservice>,
    folder: TeleserviceFolder,
}

struct OfficeAtFolder {
    root: TempDir,
    siecle: Shared<Siecle>,
    folder: SiecleFolder,
}

impl DeskAtFolder {
    async fn open() -> Self {
        let root = TempDir::new().unwrap();
        let teleservice = share(closed());
        let folder = TeleserviceFolder::open(&teleservice, &root.path().join("tele")).await.unwrap();
        Self { root, teleservice, folder }
    }

    async fn turn(&mut self) {
        self.folder.turn(noon()).await.unwrap();
        let before = self.all().await;
        assert!(!self.folder.turn(noon()).await.unwrap(), "a second turn finds nothing");
        assert_eq!(self.all().await, before);
    }

    async fn all(&self) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        for name in ["evenements", "ordres", "refus"] {
            all.push(self.list(name).await);
        }
        all
    }

    async fn list(&self, name: &str) -> Vec<String> {
        files().list(&self.root.path().join("tele").join(name)).await.unwrap_or_default()
    }

    async fn give(&self, name: OrderName, body: &str) {
        let dir = self.root.path().join("tele/ordres");
        files().publish(&dir, &name.to_string(), body.as_bytes()).await.unwrap();
    }

    async fn give_window(&self, order: &WindowOrder) {
        self.give(name(OrderKind::Window, order.number), &encode_window(order)).await;
    }

    async fn refusal(&self, name: OrderName) -> Refusal {
        let dir = self.root.path().join("tele/refus");
        let bytes = files().read_verified(&dir, &name.to_string(), FILE_BYTES_MAX).await.unwrap().unwrap();
        refusals::decode(&bytes).unwrap()
    }

    /// The feed as the folder tells it.
    async fn told(&self) -> Vec<String> {
        let dir = self.root.path().join("tele/evenements");
        let mut told = Vec::new();
        for name in self.list("evenements").await {
            let bytes = files().read_verified(&dir, &name, FILE_BYTES_MAX).await.unwrap().unwrap();
            told.extend(
                decode_ndjson(&bytes, 1).unwrap().into_iter().map(|(event, _)| encode_event(&event, Zone::UTC)),
            );
        }
        told
    }
}

impl OfficeAtFolder {
    async fn open() -> Self {
        let root = TempDir::new().unwrap();
        let siecle = share(siecle());
        let folder = SiecleFolder::open(&siecle, &root.path().join("siecle")).await.unwrap();
        Self { root, siecle, folder }
    }

    async fn turn(&mut self) {
        self.folder.turn(noon()).await.unwrap();
        let before = self.all().await;
        assert!(!self.folder.turn(noon()).await.unwrap(), "a second turn finds nothing");
        assert_eq!(self.all().await, before);
    }

    /// What lies in import, imported, rejected, report.
    async fn all(&self) -> [Vec<String>; 4] {
        [self.list("import").await, self.list("imported").await, self.list("rejected").await, self.list("report").await]
    }

    async fn list(&self, name: &str) -> Vec<String> {
        files().list(&self.root.path().join("siecle").join(name)).await.unwrap_or_default()
    }

    async fn put(&self, file: &ExchangeFile) {
        let dir = self.root.path().join("siecle/import");
        files().publish(&dir, &file.name.to_string(), &file.bytes).await.unwrap();
    }
}

fn name(kind: OrderKind, number: u32) -> OrderName {
    OrderName { key: definitive(), kind, number }
}

fn lot(number: u32, version: u32) -> ExchangeFile {
    file(definitive(), number, &[(JULES, version)])
}

fn reports(numbers: &[u32]) -> Vec<String> {
    numbers.iter().map(|number| format!("0380001V-2019-CR-3E-DEFINITIVE-{number:05}.xml")).collect()
}

#[tokio::test]
async fn the_feed_is_published_as_far_as_it_goes_and_an_emitted_event_alone() {
    let mut desk = DeskAtFolder::open().await;
    desk.turn().await;
    {
        let mut teleservice = hold(&desk.teleservice);
        teleservice.leave(school(), JULES, noon());
        let event: Map<_, _> = Map::from_iter([("type".to_owned(), json!("X"))]);
        teleservice.emit(school(), event, &BTreeSet::new(), noon());
        teleservice.switch(definitive(), true, noon());
    }
    desk.turn().await;
    let names = ["0000000001-0000000003", "0000000004-0000000004", "0000000005-0000000005", "0000000006-0000000006"];
    let names = names.map(|range| format!("0380001V-2019-EVT-{range}.ndjson"));
    assert_eq!(desk.list("evenements").await, names);
    assert_eq!(desk.told().await.len(), 6);
}

#[tokio::test]
async fn a_hole_and_a_restored_copy_show_in_the_folder() {
    let mut desk = DeskAtFolder::open().await;
    desk.turn().await;
    let emit = |desk: &DeskAtFolder, seq: u64| {
        let event = Map::from_iter([("type".to_owned(), json!("X")), ("seq".to_owned(), json!(seq))]);
        hold(&desk.teleservice).emit(school(), event, &BTreeSet::new(), noon());
    };
    emit(&desk, 9);
    desk.turn().await;
    assert!(desk.list("evenements").await.contains(&"0380001V-2019-EVT-0000000009-0000000009.ndjson".to_owned()));
    // One that fills the hole is a file of its own, and changes nothing of what follows.
    emit(&desk, 8);
    desk.turn().await;
    let names = ["0000000001-0000000003", "0000000008-0000000008", "0000000009-0000000009"];
    assert_eq!(desk.list("evenements").await, names.map(|range| format!("0380001V-2019-EVT-{range}.ndjson")));
    emit(&desk, 3);
    desk.turn().await;
    let names = ["0000000001-0000000002", "0000000003-0000000003"];
    assert_eq!(desk.list("evenements").await, names.map(|range| format!("0380001V-2019-EVT-{range}.ndjson")));
}

#[tokio::test]
async fn orders_are_obeyed_by_number_told_by_the_feed_and_removed() {
    let mut desk = DeskAtFolder::open().await;
    desk.give_window(&window(2, false)).await;
    desk.give_window(&window(1, true)).await;
    let order = responses(3, Phase::Definitive, &[JULES]);
    desk.give(name(OrderKind::Responses, 3), &encode_responses(&order, Zone::Europe__Paris)).await;
    desk.turn().await;
    assert!(hold(&desk.teleservice).is_locked(school(), JULES, Phase::Definitive));
    assert_eq!(desk.list("ordres").await, [""; 0]);
    assert_eq!(desk.list("refus").await, [""; 0]);
    let told = desk.told().await;
    let kinds: Vec<_> = ["\"ordre\":1", "\"ordre\":2", "VERROU"].into_iter().zip(&told[3..]).collect();
    assert!(kinds.iter().all(|(mark, line)| line.contains(mark)), "{kinds:?}");
    desk.give_window(&window(2, false)).await;
    desk.turn().await;
    assert_eq!((desk.told().await, desk.list("ordres").await), (told, vec![]), "the same order twice changes nothing");
}

#[tokio::test]
async fn what_is_refused_is_said_whole_or_pupil_by_pupil() {
    let mut desk = DeskAtFolder::open().await;
    let (some, all, broken) =
        (name(OrderKind::Responses, 1), name(OrderKind::Responses, 3), name(OrderKind::Window, 4));
    let body = |number| encode_responses(&responses(number, Phase::Definitive, &[JULES, STRANGER]), Zone::UTC);
    desk.give(some, &body(1)).await;
    desk.give_window(&window(2, true)).await;
    desk.give(all, &body(3)).await;
    desk.give(broken, "{").await;
    let misnamed = name(OrderKind::Window, 9);
    desk.give(misnamed, &encode_window(&window(8, false))).await;
    desk.turn().await;
    assert_eq!(desk.refusal(some).await, Refusal::Pupils(vec![(STRANGER, "INCONNU".to_owned())]));
    for (name, code) in [(all, "OUVERT"), (broken, "JSON"), (misnamed, "NUM")] {
        assert_eq!(desk.refusal(name).await, Refusal::Whole(code.to_owned()));
    }
    assert_eq!(desk.list("ordres").await, [""; 0]);
    desk.give(all, "{").await;
    desk.turn().await;
    assert_eq!(desk.refusal(all).await, Refusal::Whole("JSON".to_owned()), "the latest refusal counts");
}

#[tokio::test]
async fn an_order_with_a_wrong_digest_is_refused_and_one_without_waits() {
    let mut desk = DeskAtFolder::open().await;
    let dir = desk.root.path().join("tele/ordres");
    let wrong = name(OrderKind::Window, 1);
    desk.give_window(&window(1, true)).await;
    std::fs::write(dir.join(wrong.to_string()), "{}").unwrap();
    std::fs::write(dir.join(name(OrderKind::Window, 2).to_string()), encode_window(&window(2, true))).unwrap();
    desk.turn().await;
    assert_eq!(desk.refusal(wrong).await, Refusal::Whole("EMPREINTE".to_owned()));
    assert!(dir.join(name(OrderKind::Window, 2).to_string()).exists());
    assert!(!hold(&desk.teleservice).is_open(school(), definitive().level, Phase::Definitive));
}

#[tokio::test]
async fn an_order_stays_until_the_feed_can_tell_it() {
    let mut desk = DeskAtFolder::open().await;
    hold(&desk.teleservice).faults.take_down(Some(Topic::Feed));
    desk.give_window(&window(1, true)).await;
    desk.folder.turn(noon()).await.unwrap();
    assert!(hold(&desk.teleservice).is_open(school(), definitive().level, Phase::Definitive));
    assert_eq!(desk.list("ordres").await.len(), 1);
    hold(&desk.teleservice).faults.bring_up(None);
    desk.turn().await;
    assert_eq!((desk.list("ordres").await.len(), desk.told().await.len()), (0, 4));
}

#[tokio::test]
async fn who_is_down_has_no_folder_and_nobody_can_make_one() {
    let mut desk = DeskAtFolder::open().await;
    desk.turn().await;
    hold(&desk.teleservice).faults.take_down(None);
    desk.turn().await;
    let dir = desk.root.path().join("tele/evenements");
    assert!(files().list(&dir).await.is_err());
    assert!(files().create_private_dir(&dir).await.is_err());
    hold(&desk.teleservice).faults.bring_up(None);
    desk.turn().await;
    assert_eq!(desk.list("evenements").await.len(), 1);
}

#[tokio::test]
async fn a_lot_is_imported_and_reported() {
    let mut office = OfficeAtFolder::open().await;
    office.put(&lot(1, 1)).await;
    office.turn().await;
    let imported = vec![lot(1, 1).name.to_string()];
    assert_eq!(office.all().await, [vec![], imported.clone(), vec![], reports(&[1])]);
    let dir = office.root.path().join("siecle/report");
    let bytes = files().read_verified(&dir, &reports(&[1])[0], FILE_BYTES_MAX).await.unwrap().unwrap();
    assert_eq!(decode_receipt(FileName::parse(&reports(&[1])[0]).unwrap(), &bytes).unwrap().treated, 1);
    office.put(&lot(1, 1)).await;
    office.folder.turn(noon().plus_s(60)).await.unwrap();
    office.turn().await;
    assert_eq!(office.all().await, [vec![], imported, vec![], reports(&[1])], "the same lot again changes nothing");
}

#[tokio::test]
async fn lots_wait_in_import_and_the_replaced_one_has_no_report() {
    let mut office = OfficeAtFolder::open().await;
    hold(&office.siecle).treat(false, noon());
    office.put(&lot(1, 1)).await;
    office.turn().await;
    assert_eq!(office.list("import").await.len(), 1);
    office.put(&lot(2, 2)).await;
    office.put(&file(key(Phase::Provisional), 3, &[(JULES, 1)])).await;
    office.turn().await;
    let [import, imported, rejected, report] = office.all().await;
    assert_eq!((import.len(), imported, rejected, report), (2, vec![lot(1, 1).name.to_string()], vec![], vec![]));
    hold(&office.siecle).treat(true, noon());
    office.turn().await;
    let [import, imported, _, report] = office.all().await;
    assert_eq!((import.len(), imported.len(), report.len()), (0, 3, 2));
    assert_eq!(hold(&office.siecle).version(definitive(), JULES), 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_rejected_with_its_bytes() {
    let mut office = OfficeAtFolder::open().await;
    let broken = ExchangeFile::new(lot(1, 1).name, b"<x/>".to_vec());
    office.put(&broken).await;
    office.put(&lot(2, 1)).await;
    let import = office.root.path().join("siecle/import");
    std::fs::write(import.join(lot(2, 1).name.to_string()), "changed on the way").unwrap();
    std::fs::write(import.join(lot(3, 1).name.to_string()), &lot(3, 1).bytes).unwrap();
    files().publish(&import, "notes.txt", b"x").await.unwrap();
    office.turn().await;
    let rejected = [broken.name.to_string(), lot(2, 1).name.to_string(), "notes.txt".to_owned()];
    assert_eq!(office.all().await, [vec![], vec![], rejected.to_vec(), vec![]]);
    assert!(import.join(lot(3, 1).name.to_string()).exists(), "without digest it does not exist yet");
    office.put(&lot(5, 1)).await;
    office.turn().await;
    office.put(&lot(5, 2)).await;
    office.turn().await;
    assert_eq!(office.list("rejected").await.len(), 4, "another content under a number that was used");
    assert_eq!(hold(&office.siecle).version(definitive(), JULES), 1);
}

#[tokio::test]
async fn response_files_are_published_with_the_digest_they_are_to_have() {
    let mut office = OfficeAtFolder::open().await;
    office.put(&lot(1, 1)).await;
    office.turn().await;
    let named = |number: u32| format!("0380001V-2019-REP-3E-DEFINITIVE-{number:05}.xml");
    {
        let mut siecle = hold(&office.siecle);
        siecle.respond(definitive(), &Council::default(), noon()).unwrap();
        siecle.deliver(school(), &named(5), b"<x/>", DeliveredDigest::Wrong);
        siecle.deliver(school(), &named(6), b"<x/>", DeliveredDigest::None);
        siecle.deliver(school(), "../outside", b"<x/>", DeliveredDigest::Right);
    }
    office.turn().await;
    let export = office.root.path().join("siecle/export");
    assert_eq!(office.list("export").await, [named(1), named(5)]);
    assert!(files().read_verified(&export, &named(1), FILE_BYTES_MAX).await.unwrap().is_some());
    let wrong = files().read_verified(&export, &named(5), FILE_BYTES_MAX).await;
    assert!(matches!(wrong, Err(FileFault::Digest(_))), "{wrong:?}");
    assert!(export.join(named(6)).exists() && !office.root.path().join("siecle/outside").exists());
    hold(&office.siecle).deliver(school(), &named(6), b"<y/>", DeliveredDigest::Right);
    office.turn().await;
    assert_eq!(office.list("export").await, [named(1), named(5), named(6)]);
}

#[tokio::test]
async fn a_lot_is_treated_though_reports_cannot_be_published_yet() {
    let mut office = OfficeAtFolder::open().await;
    hold(&office.siecle).faults.take_down(Some(Topic::Receipts));
    office.put(&lot(1, 1)).await;
    office.turn().await;
    assert_eq!(office.list("imported").await.len(), 1);
    hold(&office.siecle).faults.bring_up(Some(Topic::Receipts));
    office.turn().await;
    assert_eq!(office.list("report").await, reports(&[1]));
}
