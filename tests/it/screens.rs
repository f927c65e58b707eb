//! The sandbox's screens in a real Chromium: the guide's procedure through the guided tour, both parents, both phases, with
//! navette's own nights in between; and each screen with no, one and many pupils, long names and names from right to left.

use crate::{
    chromium::Browser,
    pages::{JULES, Place, SCHOOL, jules, key},
};
use navette::{
    cli,
    domain::{
        campaign::Phase,
        event::RawChoice,
        pupil::{Division, Private, Pupil, PupilId, RepresentativeId},
        school::Level,
    },
    replay::{demo::christen, parse::parse, tour},
    sandbox::{councils::Council, hold, world},
};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::sync::oneshot;

const BOTH_PHASES: &str = r#"
name = "Le guide, écran par écran"
school_year = 2019
transport = "http"

[[school]]
uai = "0380001V"
name = "Collège Simone Veil"
level = "3E"

[[school.pupil]]
id = "jules"
division = "3 A"
representatives = ["martine", "paul"]

[[school.pupil]]
id = "zoé"
division = "3 A"
representatives = ["inès"]

[[campaign]]
uai = "0380001V"
phase = "PROVISOIRE"
opens = "2020-03-02T08:00:00"
closes = "2020-03-06T18:00:00"
ends = "2020-03-20T18:00:00"
councils = { "3 A" = "2020-03-10T16:15:00" }

[[campaign]]
uai = "0380001V"
phase = "DEFINITIVE"
opens = "2020-05-04T08:00:00"
closes = "2020-05-25T18:00:00"
ends = "2020-06-12T18:00:00"
councils = { "3 A" = "2020-05-28T16:15:00" }
"#;

const MARTINE: &str = "Mme Martine DUPOND";
const PAUL: &str = "M. Paul DUPOND";
const GENERAL: &str = "2de générale et technologique ou 2de STHR";

/// Somebody who plays all parts in turn.
struct Player {
    browser: Browser,
    base: String,
}

impl Player {
    async fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.base)).await;
    }

    /// The screen is sound, and looked at.
    async fn look(&self, name: &str) {
        self.browser.is_sound(&self.base).await;
        self.browser.picture(name).await;
    }

    async fn sign_in(&self, account: &str) {
        self.open("/teleservice?nom=Jules").await;
        self.browser.press(account).await;
    }

    /// A button of the tour that moves the clock.
    async fn pass(&self, button: &str) {
        self.open("/").await;
        self.browser.press_first(button).await;
    }

    /// What the guard says to a hand that asks to reopen.
    async fn reopen(&self, said: &str) {
        self.open("/").await;
        self.browser.press("Rouvrir le téléservice").await;
        self.browser.sees(said).await;
    }
}

#[tokio::test]
async fn the_guides_procedure_screen_by_screen() {
    let mut scenario = parse(BOTH_PHASES, "guide", None).unwrap();
    christen(&mut scenario);
    let folder = tempfile::tempdir().unwrap();
    let (told, base) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tour::serve(
        &scenario,
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        folder.path().join("courriels"),
        cli::tour::daemon,
        move |base| told.send(base.to_owned()).unwrap(),
        async move { stopped.await.unwrap() },
    );
    let story = async {
        let player = Player { base: base.await.unwrap(), browser: Browser::start().await };
        intentions(&player).await;
        opinions(&player).await;
        definitive_choices(&player).await;
        decision(&player).await;
        stop.send(()).unwrap();
    };
    let (served, ()) = tokio::join!(served, story);
    served.unwrap();
}

/// The father enters the intentions; the mother and the pupil read.
async fn intentions(player: &Player) {
    let browser = &player.browser;
    player.open("/").await;
    browser.sees("ouverte aux familles").await;
    player.look("visite").await;
    player.open("/teleservice").await;
    browser.sees("La simulation d'accès pour le chef d'établissement s'ouvre avec la phase définitive.").await;
    player.look("connexion").await;
    player.sign_in(PAUL).await;
    player.look("accueil").await;
    browser.press("Orientation").await;
    browser.press("VALIDER").await;
    browser.sees("Veuillez corriger le formulaire avant de valider vos choix.").await;
    browser.sees("Vous devez sélectionner une voie.").await;
    player.look("intentions-erreur").await;
    browser.tick_in("Choix 1", "2de générale").await;
    browser.press("AJOUTER UN CHOIX").await;
    browser.tick_in("Choix 2", "2de professionnelle").await;
    browser.press("VALIDER").await;
    browser.sees("Vous devez indiquer un métier ou une formation.").await;
    browser.sees("Vous devez sélectionner un statut.").await;
    player.look("intentions-deux-choix").await;
    browser.type_in("Choix 2", "Métier ou formation", "Mécanique").await;
    browser.tick_in("Choix 2", "Statut d'apprenti").await;
    browser.press("VALIDER").await;
    browser.sees("Vos choix ont bien été enregistrés le 02/03/2020 à 08:00").await;
    player.look("intentions-validees").await;
    browser.press("SE DÉCONNECTER").await;

    player.sign_in(MARTINE).await;
    browser.press("Orientation").await;
    browser.sees(&format!("Cette saisie a été effectuée par {PAUL}.")).await;
    browser.sees("votre désaccord par écrit au chef d'établissement").await;
    browser.sees_no("VALIDER").await;
    player.look("lecture-seule").await;
    player.sign_in("Jules DUPOND, élève").await;
    browser.press("Orientation").await;
    browser.sees("Métier ou formation : Mécanique").await;
    browser.sees_no("MODIFIER").await;
    player.open("/teleservice/courriels").await;
    player.look("courriels").await;
    browser.press(&format!("{MARTINE}, élève Jules DUPOND")).await;
    browser.sees("[ORIENTATION] Saisie des intentions provisoires d'orientation").await;
    browser.sees(&format!("par {PAUL}, nous vous informons")).await;
}

/// The councils of the provisional phase: closing, night, opinions, an early reopening that is refused, the reopening.
async fn opinions(player: &Player) {
    let browser = &player.browser;
    player.pass("Avancer : fermeture").await;
    browser.sees("fermée, demandes pas encore reçues par Siècle").await;
    player.sign_in(MARTINE).await;
    browser.sees("Le service est fermé.").await;
    player.look("ferme").await;
    player.open("/teleservice/intentions").await;
    browser.sees("Le service est fermé.").await;
    player.pass("Laisser passer la nuit").await;
    browser.sees("fermée, les conseils peuvent se tenir").await;
    player.pass("Avancer : dernier conseil").await;
    browser.press("Siècle").await;
    browser.sees("1 famille sans saisie").await;
    player.look("siecle-divisions").await;
    browser.press("3 A").await;
    browser.sees("2de professionnelle : Mécanique, sous statut d'apprenti").await;
    player.look("siecle-division").await;
    browser.press("Saisir la réponse pour Jules DUPOND").await;
    browser.tick_in("2de générale", "Réservé").await;
    browser.tick_in("2de professionnelle", "Favorable").await;
    browser.press("ENREGISTRER").await;
    browser.sees("Vous devez indiquer le motif de l'avis.").await;
    player.look("siecle-avis").await;
    browser.type_in("2de générale", "Motif", "Des efforts à poursuivre en mathématiques").await;
    browser.press("ENREGISTRER").await;
    browser.sees("La réponse du conseil est enregistrée.").await;
    browser.press("Divisions").await;
    browser.press("Déclarer la saisie terminée").await;
    browser.sees("La saisie des réponses a été déclarée terminée le 10/03/2020").await;
    reopening(player).await;
    player.sign_in(PAUL).await;
    browser.press("Orientation").await;
    browser.sees("ces choix ne peuvent plus être modifiés").await;
    browser.sees("Motif : Des efforts à poursuivre en mathématiques").await;
    player.look("avis").await;
    browser.press("SE DÉCONNECTER").await;
    player.pass("Avancer : fin de la campagne").await;
}

/// Refused the same evening and the next morning, allowed 24 h after the entry (R10).
async fn reopening(player: &Player) {
    player.reopen("Refusé : ").await;
    player.look("visite-refus").await;
    player.pass("Laisser passer la nuit").await;
    player.reopen("La réouverture attend 24 heures après la saisie des réponses").await;
    player.pass("Avancer : première réouverture permise").await;
    player.reopen("rouverte aux familles").await;
}

/// The mother acknowledges for the father, and the definitive phase is hers.
async fn definitive_choices(player: &Player) {
    let browser = &player.browser;
    player.pass("Avancer : ouverture").await;
    player.sign_in(MARTINE).await;
    browser.press("Orientation").await;
    browser.press("2 Choix définitifs").await;
    browser.sees("uniquement après avoir accusé réception de l'avis du conseil de classe").await;
    player.look("accuse-d-abord").await;
    browser.press("Consulter l'avis et en accuser réception").await;
    browser.press("Accuser réception de l'avis du conseil de classe").await;
    browser.press("2 Choix définitifs").await;
    browser.tick_in("Choix 1", "2de générale").await;
    browser.press("AJOUTER UN CHOIX").await;
    browser.tick_in("Choix 2", "2de professionnelle").await;
    browser.type_in("Choix 2", "Métier ou formation", "Mécanique").await;
    browser.tick_in("Choix 2", "Statut d'apprenti").await;
    browser.press("AJOUTER UN CHOIX").await;
    browser.tick_in("Choix 3", "1re année de CAP").await;
    browser.type_in("Choix 3", "Métier ou formation", "Carrosserie").await;
    browser.tick_in("Choix 3", "Statut scolaire").await;
    browser.sees_no("AJOUTER UN CHOIX").await;
    player.look("choix-trois").await;
    // The intentions stay readable from here, and nothing that is not validated is kept (R01).
    browser.press("1 Intentions provisoires").await;
    browser.sees("Réservé").await;
    browser.press("2 Choix définitifs").await;
    browser.sees_no("Choix 2").await;
    browser.tick_in("Choix 1", "2de professionnelle").await;
    browser.type_in("Choix 1", "Métier ou formation", "Mécanique").await;
    browser.tick_in("Choix 1", "Statut d'apprenti").await;
    // The return key saves nothing.
    browser.press_return().await;
    browser.sees_no("Vos choix ont bien été enregistrés").await;
    browser.press("AJOUTER UN CHOIX").await;
    browser.tick_in("Choix 2", "2de générale").await;
    browser.press("Remonter le choix 2").await;
    browser.press("VALIDER").await;
    browser.sees(&format!("Choix 1 : {GENERAL}")).await;
    browser.press("SE DÉCONNECTER").await;
    player.open("/teleservice/courriels/3").await;
    browser.sees("Objet : [ORIENTATION] Saisie des choix définitifs d'orientation").await;
    browser.sees("38000 GRENOBLE").await;
    player.look("courriel").await;
    player.open("/teleservice?nom=Jules").await;
    browser.press(&format!("Chef d'établissement : voir comme {PAUL}")).await;
    browser.press("Orientation").await;
    browser.press("2 Choix définitifs").await;
    browser.sees("Simulation d'accès").await;
    browser.sees(&format!("Cette saisie a été effectuée par {MARTINE}.")).await;
    player.look("simulation").await;
}

/// Closing by hand, proposals of the council, the reopening, and the mother's reply.
async fn decision(player: &Player) {
    let browser = &player.browser;
    player.open("/").await;
    browser.press("Fermer le téléservice").await;
    browser.sees("C'est fait.").await;
    player.pass("Laisser passer la nuit").await;
    player.pass("Avancer : dernier conseil").await;
    browser.press("Siècle").await;
    browser.press("3 A").await;
    browser.press("Saisir la réponse pour Jules DUPOND").await;
    browser.tick_in("2de générale", "Non").await;
    browser.tick_in("2de professionnelle", "Oui").await;
    browser.tick_in("1re année de CAP", "Oui").await;
    player.look("siecle-propositions").await;
    browser.press("ENREGISTRER").await;
    browser.press("Divisions").await;
    browser.press("Déclarer la saisie terminée").await;
    browser.press("Familles sans saisie").await;
    player.look("siecle-sans-saisie").await;
    browser.press("Envois et comptes rendus").await;
    browser.sees("élèves traités : 2").await;
    player.look("siecle-envois").await;
    reopening(player).await;
    player.sign_in(MARTINE).await;
    browser.press("Orientation").await;
    browser.press("2 Choix définitifs").await;
    browser.sees("ces choix ne peuvent plus être modifiés").await;
    browser.press("3 Décision").await;
    player.look("propositions").await;
    browser.press("RÉPONDRE").await;
    browser.sees("Vous devez indiquer votre accord ou votre désaccord.").await;
    browser.tick_in("Votre réponse", "Nous sommes d'accord").await;
    browser.tick_in("Votre réponse", "2de professionnelle").await;
    browser.press("RÉPONDRE").await;
    browser.sees("Votre réponse a bien été enregistrée.").await;
    player.look("decision").await;
    player.sign_in(PAUL).await;
    browser.press("Orientation").await;
    browser.press("3 Décision").await;
    browser.sees(&format!("par {MARTINE}")).await;
    browser.sees_no("RÉPONDRE").await;
    player.pass("Laisser passer la nuit").await;
    player.look("visite-fin").await;
    // The daemon's own page, which read all of it.
    browser.press("la page de l'établissement").await;
    browser.sees("Campagne rouverte aux familles").await;
    let host = browser.url().await;
    let (host, _) = host.split_once("/ecole").unwrap();
    browser.is_sound(host).await;
    browser.picture("navette").await;
}

/// A name of 100 characters, and one that reads from right to left.
fn christened(mut pupil: Pupil) -> Pupil {
    let long = "Marie-Adélaïde-Éléonore ".repeat(5);
    pupil.last_name = Private::new(long.chars().take(100).collect());
    pupil.first_name = Private::new("\u{5d9}\u{5d5}\u{5e0}\u{5ea}\u{5df}".to_owned());
    for one in &mut pupil.representatives {
        (one.first_name, one.last_name) = (pupil.first_name.clone(), pupil.last_name.clone());
    }
    pupil
}

fn school_of(count: i64) -> Vec<Pupil> {
    let pupil = |nth: i64| {
        let division = Division::parse(&format!("3 {}", nth / 30)).unwrap();
        let representatives = [RepresentativeId(2 * nth + 1), RepresentativeId(2 * nth + 2)];
        let pupil = world::pupil(PupilId(100 + nth), Level::Troisieme, division, None, &representatives);
        if nth % 7 == 0 { christened(pupil) } else { pupil }
    };
    (0..count).map(pupil).collect()
}

#[tokio::test]
async fn every_screen_is_sound_with_no_one_and_many_pupils() {
    let browser = Browser::start().await;
    for count in [0, 1, 500] {
        let place = Place::of(&school_of(count)).await;
        place.switch(Phase::Definitive, true);
        let answers = Council { proposals: [("1CAP".to_owned(), "OUI".to_owned())].into(), ..Council::default() };
        let by = RepresentativeId(1);
        let formation = Some("\u{5de}\u{5db}\u{5d5}\u{5e0}\u{5d0}\u{5d5}\u{5ea} ".repeat(14));
        let status = Some("ST".to_owned());
        let choice = RawChoice { rank: 1, track: "2PRO".to_owned(), formation, code: None, status };
        if 0 < count {
            let (key, now) = (key(Phase::Definitive), navette::domain::time::Timestamp::from_epoch_ms(0));
            hold(&place.teleservice).validate(key.school, key.phase, JULES, by, &[choice], now).unwrap();
            hold(&place.siecle).respond(key, &Council { pupil: Some(JULES), ..answers }, now).unwrap();
        }
        let campaign = "/siecle/0380001V/2019/3E/DEFINITIVE";
        let mut paths = ["/", "/teleservice", "/teleservice?nom=a", "/teleservice/courriels", "/siecle", campaign]
            .map(str::to_owned)
            .to_vec();
        paths.extend(["sans-saisie", "envois"].map(|rest| format!("{campaign}/{rest}")));
        if 0 < count {
            browser.open(&format!("{}/teleservice", place.base())).await;
            browser.press_first("Mme").await;
            paths.extend(
                ["accueil", "intentions", "choix", "choix?modifier=oui", "decision"]
                    .map(|it| format!("/teleservice/{it}")),
            );
            paths.extend(["division?division=3%200", "eleve/100"].map(|rest| format!("{campaign}/{rest}")));
        }
        for path in paths {
            browser.open(&format!("{}{path}", place.base())).await;
            browser.is_sound(&place.base()).await;
            browser.picture(&format!("{count}-{}", path.replace(['/', '?', '%'], "_"))).await;
        }
    }
}

#[tokio::test]
async fn the_keyboard_alone_is_enough() {
    let place = Place::of(&[jules()]).await;
    place.switch(Phase::Definitive, true);
    let browser = Browser::start().await;
    browser.open(&format!("{}/teleservice?etablissement={SCHOOL}", place.base())).await;
    // Skip link first, then its target.
    browser.keys("\u{e004}").await;
    let focused = browser.script("return document.activeElement.textContent", serde_json::json!([])).await;
    assert_eq!(focused, serde_json::json!("Aller au contenu"));
    browser.press("Mme Martine DUPOND").await;
    browser.press("Orientation").await;
    browser.press("2 Choix définitifs").await;
    browser.script("document.querySelector('input[type=radio]').focus()", serde_json::json!([])).await;
    // Space takes the first track; from there the tab key leads to the buttons, and the return key presses one.
    browser.keys(" ").await;
    let mut word = String::new();
    for _ in 0..9 {
        browser.keys("\u{e004}").await;
        let focused = browser.script("return document.activeElement.textContent", serde_json::json!([])).await;
        word = focused.as_str().unwrap().to_owned();
        if word == "VALIDER" {
            break;
        }
    }
    assert_eq!(word, "VALIDER");
    browser.press_return().await;
    browser.sees("Vos choix ont bien été enregistrés").await;
}
