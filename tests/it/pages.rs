//! The sandbox's screens over HTTP, rule by rule: who may type what, what is refused in which words, what is mailed.

use navette::{
    clock::Clock,
    crash::Crash,
    domain::{
        campaign::{CampaignKey, Phase},
        lot::{Encoding, Format},
        order::{Motive, ResponseOrder, WindowOrder},
        pupil::{Division, Private, Pupil, PupilId, RepresentativeId},
        response::{Opinion, OpinionValue, Proposal, Response, Verdicts},
        school::{Level, SchoolKey, SchoolYear, Uai},
        time::{Timestamp, parse_date},
        track::Track,
    },
    files::Files,
    sandbox::{
        Shared, hold,
        http::{Served, serve_pages},
        pages::{self, Pages, letters::Letterhead},
        share,
        siecle::Siecle,
        teleservice::Teleservice,
        world,
    },
};
use reqwest::{Client, StatusCode, header, redirect};
use rstest::rstest;

/// The guide's school.
pub const SCHOOL: &str = "0380001V-2019";
/// The guide's pupil, and his representatives.
pub const JULES: PupilId = PupilId(100);
const MARTINE: RepresentativeId = RepresentativeId(1);
const PAUL: RepresentativeId = RepresentativeId(2);
const BLOCK: [&str; 2] = ["COLLEGE SIMONE VEIL", "38000 GRENOBLE"];

/// The screens of one school, by a clock that stands still.
pub struct Place {
    /// The téléservice.
    pub teleservice: Shared<Teleservice>,
    /// Siècle.
    pub siecle: Shared<Siecle>,
    clock: Clock,
    served: Served,
    _folder: tempfile::TempDir,
}

/// A campaign of the school.
pub fn key(phase: Phase) -> CampaignKey {
    let school = SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() };
    CampaignKey { school, level: Level::Troisieme, phase }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Jules DUPOND of 3 A, and Martine and Paul.
pub fn jules() -> Pupil {
    let mut pupil =
        world::pupil(JULES, Level::Troisieme, Division::parse("3 A").unwrap(), Some("Jules"), &[MARTINE, PAUL]);
    pupil.last_name = Private::new("DUPOND".to_owned());
    for (one, name) in pupil.representatives.iter_mut().zip(["Martine", "Paul"]) {
        (one.first_name, one.last_name) = (Private::new(name.to_owned()), Private::new("DUPOND".to_owned()));
    }
    pupil
}

impl Place {
    /// A school of these pupils; nothing was opened yet.
    pub async fn of(pupils: &[Pupil]) -> Self {
        let clock = Clock::player(at("2019-12-12T10:58:42+01:00"));
        let (mut teleservice, mut siecle) = (Teleservice::new(), Siecle::new(Format::Xml, Encoding::Utf8));
        let school = key(Phase::Definitive).school;
        teleservice.add_school(school, school.uai.zone());
        siecle.add_school(school, school.uai.zone());
        for pupil in pupils {
            siecle.enrol(school, pupil.clone());
            teleservice.arrive(school, pupil.clone(), clock.now());
        }
        let (teleservice, siecle) = (share(teleservice), share(siecle));
        let folder = tempfile::tempdir().unwrap();
        let block = BLOCK.map(str::to_owned).to_vec();
        let schools = [(school, Letterhead { name: "Collège Simone Veil".to_owned(), block })].into();
        let files = Files::new(Crash::off());
        let letters = folder.path().join("courriels");
        let pages = Pages::new(&teleservice, &siecle, &clock, schools, files, letters);
        let router = pages::router(pages).merge(pages::welcome());
        let served = serve_pages(&clock, "127.0.0.1:0".parse().unwrap(), router).await.unwrap();
        Self { teleservice, siecle, clock, served, _folder: folder }
    }

    /// Where it is.
    pub fn base(&self) -> String {
        self.served.base()
    }

    /// A person opens or closes.
    pub fn switch(&self, phase: Phase, open: bool) {
        hold(&self.teleservice).switch(key(phase), open, self.clock.now());
    }

    /// Navette carries a response, and with it the lock.
    pub fn respond(&self, phase: Phase, verdicts: Verdicts) {
        let (entered_at, council) = (self.clock.now(), parse_date("2019-12-12").unwrap());
        let response = Response { pupil: JULES, demand_version: Some(1), entered_at, council, verdicts };
        let number = if phase == Phase::Provisional { 1 } else { 2 };
        let order = ResponseOrder { key: key(phase), number, responses: vec![response] };
        hold(&self.teleservice).order_responses(&order, [u8::try_from(number).unwrap(); 32], self.clock.now()).unwrap();
    }

    /// Somebody at a browser of their own.
    pub fn visitor(&self) -> Visitor {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().tls_certs_only([]).redirect(redirect::Policy::none());
        Visitor { client: client.build().unwrap(), base: self.base(), cookie: String::new() }
    }

    async fn signed_in(&self, account: &str) -> Visitor {
        let mut visitor = self.visitor();
        let seen = visitor.sign_in(&format!("{SCHOOL}/{JULES}/{account}")).await;
        assert_eq!((seen.status, seen.to.as_str()), (StatusCode::SEE_OTHER, "/teleservice/accueil"));
        visitor
    }
}

/// A browser without script.
pub struct Visitor {
    client: Client,
    base: String,
    cookie: String,
}

/// What came of a request.
pub struct Seen {
    status: StatusCode,
    to: String,
    text: String,
    cookie: String,
}

impl Visitor {
    async fn get(&self, path: &str) -> Seen {
        self.ask(self.client.get(format!("{}{path}", self.base))).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        self.post_from(&self.base.clone(), path, fields).await
    }

    async fn post_from(&self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Seen {
        let body = url::form(fields);
        let request = self.client.post(format!("{}{path}", self.base)).header(header::ORIGIN, origin);
        self.ask(request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Seen {
        let answer = request.header(header::COOKIE, &self.cookie).send().await.unwrap();
        let field = |name| answer.headers().get(name).map(|it| it.to_str().unwrap().to_owned()).unwrap_or_default();
        let (status, to, cookie) = (answer.status(), field(header::LOCATION), field(header::SET_COOKIE));
        assert!(field(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'"), "{status}");
        let text = answer.text().await.unwrap();
        Seen { status, to, text: text.replace("&#39;", "'").replace('\u{a0}', " "), cookie }
    }

    async fn sign_in(&mut self, account: &str) -> Seen {
        let seen = self.post("/teleservice/connexion", &[("compte", account)]).await;
        self.cookie = seen.cookie.split(';').next().unwrap().to_owned();
        seen
    }

    async fn sign_out(&self) {
        assert_eq!(self.post("/teleservice/deconnexion", &[]).await.to, "/teleservice");
    }

    async fn sees(&self, path: &str, wanted: &[&str]) {
        self.get(path).await.says(StatusCode::OK, wanted);
    }

    async fn sees_no(&self, path: &str, unwanted: &str) {
        let seen = self.get(path).await;
        assert!(!seen.text.contains(unwanted), "{path} says {unwanted}: {}", seen.text);
    }
}

impl Seen {
    fn says(&self, status: StatusCode, wanted: &[&str]) {
        assert_eq!(self.status, status, "{}", self.text);
        for wanted in wanted {
            assert!(self.text.contains(wanted), "no \"{wanted}\" in {}", self.text);
        }
    }
}

/// Forms as browsers encode them.
mod url {
    pub fn form(fields: &[(&str, &str)]) -> String {
        let pairs = fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    fn escaped(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }
}

const GENERAL: [(&str, &str); 2] = [("voie-1", "2GT"), ("geste", "valider")];
/// The guide's own choices.
const GUIDE: [(&str, &str); 9] = [
    ("nombre", "3"),
    ("voie-1", "2GT"),
    ("voie-2", "2PRO"),
    ("formation-2", "Mécanique"),
    ("statut-2", "AP"),
    ("voie-3", "1CAP"),
    ("formation-3", "Carrosserie"),
    ("statut-3", "ST"),
    ("geste", "valider"),
];
const CHOICES: &str = "/teleservice/choix";
const INTENTIONS: &str = "/teleservice/intentions";
const DECISION: &str = "/teleservice/decision";

fn versions(place: &Place, phase: Phase) -> usize {
    let teleservice = hold(&place.teleservice);
    let record = teleservice.record(key(phase).school, JULES).unwrap();
    record.phases.get(&phase).map_or(0, |entry| entry.versions.len())
}

fn reserved() -> Verdicts {
    let reason = Some(Private::new("Des efforts à poursuivre".to_owned()));
    Verdicts::Opinions(vec![Opinion { track: Track::SecondeGt, value: OpinionValue::Reserved, reason }])
}

fn proposals() -> Verdicts {
    let proposal = |(track, requested, accepted)| Proposal { track, requested, accepted };
    let all = [(Track::SecondeGt, true, false), (Track::SecondePro, true, true), (Track::Cap, false, true)];
    Verdicts::Proposals(all.map(proposal).to_vec())
}

#[tokio::test]
async fn without_session_every_screen_leads_to_the_accounts() {
    let place = Place::of(&[jules()]).await;
    for path in ["/teleservice/accueil", INTENTIONS, CHOICES, DECISION] {
        assert_eq!(place.visitor().get(path).await.to, "/teleservice", "{path}");
    }
    let mut stranger = place.visitor();
    for account in ["", "0380001V-2019/100/responsable/3", "0380001V-2019/7/eleve", "0380001V-2020/100/eleve"] {
        assert_eq!(stranger.sign_in(account).await.status, StatusCode::NOT_FOUND, "{account}");
    }
}

#[tokio::test]
async fn the_cookie_is_ours_alone_and_forms_of_others_change_nothing() {
    let place = Place::of(&[jules()]).await;
    place.switch(Phase::Definitive, true);
    let cookie = place.visitor().sign_in(&format!("{SCHOOL}/{JULES}/responsable/1")).await.cookie;
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    let martine = place.signed_in("responsable/1").await;
    for origin in ["https://ailleurs.example", "null", ""] {
        martine.post_from(origin, CHOICES, &GENERAL).await.says(StatusCode::FORBIDDEN, &["Formulaire refusé"]);
    }
    assert_eq!(versions(&place, Phase::Definitive), 0);
}

#[tokio::test]
async fn r01_only_what_is_validated_is_kept_and_mailed() {
    let place = Place::of(&[jules()]).await;
    place.switch(Phase::Definitive, true);
    let martine = place.signed_in("responsable/1").await;
    for gesture in ["ajouter", "remonter-2", "relire"] {
        let typed = [("nombre", "1"), ("voie-1", "2GT"), ("geste", gesture)];
        martine.post(CHOICES, &typed).await.says(StatusCode::OK, &["value=\"2GT\" checked"]);
    }
    assert_eq!(martine.post(CHOICES, &[("voie-1", "2GT"), ("geste", "annuler")]).await.to, CHOICES);
    martine.sees_no(CHOICES, "value=\"2GT\" checked").await;
    martine.sign_out().await;
    assert_eq!((versions(&place, Phase::Definitive), hold(&place.teleservice).mails().len()), (0, 0));
}

#[rstest]
#[case::nothing(&[], &["Vous devez sélectionner une voie."])]
#[case::of_another_level(&[("voie-1", "STMG")], &["Vous devez sélectionner une voie."])]
#[case::bare(&[("voie-1", "1CAP")], &["Vous devez indiquer un métier ou une formation.", "Vous devez sélectionner un statut."])]
#[case::alike(&[("nombre", "2"), ("voie-1", "2GT"), ("voie-2", "2GT")], &["Ce choix est identique au choix 1."])]
#[tokio::test]
async fn r02_r03_faults_are_said_beside_their_fields(#[case] typed: &[(&str, &str)], #[case] said: &[&str]) {
    let place = Place::of(&[jules()]).await;
    place.switch(Phase::Provisional, true);
    let paul = place.signed_in("responsable/2").await;
    let seen = paul.post(INTENTIONS, &[typed, &[("geste", "valider")]].concat()).await;
    let wanted = [said, &["<title>Erreur : ", "Veuillez corriger le formulaire avant de valider vos choix."]].concat();
    seen.says(StatusCode::UNPROCESSABLE_ENTITY, &wanted);
    assert_eq!(versions(&place, Phase::Provisional), 0);
}

#[tokio::test]
async fn the_form_speaks_as_the_guide() {
    let place = Place::of(&[jules()]).await;
    place.switch(Phase::Definitive, true);
    let martine = place.signed_in("responsable/1").await;
    let wanted = [
        "1 Intentions provisoires",
        "2 Choix définitifs",
        "3 Décision",
        "Troisième trimestre ou second semestre : DEMANDE(S) DES REPRÉSENTANTS LÉGAUX / Choix définitif(s)",
        "Vous devez obligatoirement saisir un choix. Vous pouvez en saisir jusqu'à trois. Leur ordre d'affichage \
         correspond à votre ordre de préférence.",
        "Nous souhaitons pour la rentrée prochaine :",
        "2de générale et technologique ou 2de STHR",
        "AJOUTER UN CHOIX",
        "ANNULER",
        "VALIDER",
        "Cette procédure de dialogue ne s'applique pas au redoublement exceptionnel",
    ];
    martine.sees(CHOICES, &wanted).await;
}

#[tokio::test]
async fn r04_the_other_representative_and_the_pupil_read() {
    let place = Place::of(&[jules()]).await;
    place.switch(Phase::Provisional, true);
    let paul = place.signed_in("responsable/2").await;
    assert_eq!(paul.post(INTENTIONS, &GENERAL).await.to, "/teleservice/intentions?fait=valide");
    // As often as wished (R16).
    assert_eq!(paul.post(INTENTIONS, &GENERAL).await.to, "/teleservice/intentions?fait=valide");
    paul.sees("/teleservice/intentions?fait=valide", &["le 12/12/2019 à 10:58:42", "MODIFIER"]).await;

    let martine = place.signed_in("responsable/1").await;
    let read = ["Cette saisie a été effectuée par M. Paul DUPOND", "votre désaccord par écrit au chef d'établissement"];
    martine.sees(INTENTIONS, &read).await;
    martine.sees_no("/teleservice/intentions?modifier=oui", "VALIDER").await;
    martine.post(INTENTIONS, &GENERAL).await.says(StatusCode::CONFLICT, &["lecture seule pour le second parent"]);
    let pupil = place.signed_in("eleve").await;
    pupil.sees(INTENTIONS, &["2de générale et technologique ou 2de STHR", "lecture seule"]).await;
    assert_eq!(pupil.post(INTENTIONS, &GENERAL).await.status, StatusCode::FORBIDDEN);
    assert_eq!(versions(&place, Phase::Provisional), 2);
    // The other phase can be the other one's.
    place.switch(Phase::Definitive, true);
    assert_eq!(martine.post(CHOICES, &GENERAL).await.to, "/teleservice/choix?fait=valide");
}

#[tokio::test]
async fn r05_the_opinion_is_acknowledged_before_definitive_choices() {
    let place = Place::of(&[jules()]).await;
    place.switch(Phase::Provisional, true);
    assert_eq!(place.signed_in("responsable/2").await.post(INTENTIONS, &GENERAL).await.status, StatusCode::SEE_OTHER);
    place.switch(Phase::Provisional, false);
    place.respond(Phase::Provisional, reserved());
    place.switch(Phase::Definitive, true);
    let martine = place.signed_in("responsable/1").await;
    let first = "uniquement après avoir accusé réception de l'avis du conseil de classe";
    martine.sees(CHOICES, &[first, "Consulter l'avis et en accuser réception"]).await;
    martine.post(CHOICES, &GENERAL).await.says(StatusCode::CONFLICT, &[first]);
    // From the definitive form the intentions and their opinions stay readable.
    let opinion = ["Réservé", "Motif : <bdi>Des efforts à poursuivre</bdi>", "Intentions enregistrées"];
    martine.sees(INTENTIONS, &opinion).await;
    assert_eq!(place.signed_in("eleve").await.post("/teleservice/accuse", &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(martine.post("/teleservice/accuse", &[]).await.to, "/teleservice/intentions?fait=accuse");
    martine.sees(INTENTIONS, &["Accusé de réception : <bdi>Mme Martine DUPOND, le 12/12/2019 à 10:58:42</bdi>"]).await;
    martine.sees_no(INTENTIONS, "<button>Accuser réception").await;
    assert_eq!(martine.post(CHOICES, &GENERAL).await.to, "/teleservice/choix?fait=valide");
}

#[tokio::test]
async fn without_opinion_there_is_nothing_to_acknowledge() {
    let place = Place::of(&[jules()]).await;
    place.switch(Phase::Definitive, true);
    let martine = place.signed_in("responsable/1").await;
    martine.post("/teleservice/accuse", &[]).await.says(StatusCode::CONFLICT, &["pas encore de réponse"]);
    assert_eq!(martine.post(CHOICES, &GENERAL).await.to, "/teleservice/choix?fait=valide");
}

#[tokio::test]
async fn r06_exceptional_repeats_are_out_of_procedure() {
    let place = Place::of(&[Pupil { in_procedure: false, ..jules() }]).await;
    place.switch(Phase::Definitive, true);
    let martine = place.signed_in("responsable/1").await;
    let said = "Cette procédure de dialogue ne s'applique pas au redoublement exceptionnel";
    martine.sees(CHOICES, &[said]).await;
    martine.sees_no(CHOICES, "VALIDER").await;
    martine.post(CHOICES, &GENERAL).await.says(StatusCode::CONFLICT, &[said]);
}

#[tokio::test]
async fn while_closed_the_service_is_grey_and_leads_nowhere() {
    let place = Place::of(&[jules()]).await;
    let martine = place.signed_in("responsable/1").await;
    let grey = ["<li class=\"closed\"><h2><span aria-disabled=\"true\">Orientation</span>", "Le service est fermé."];
    martine.sees("/teleservice/accueil", &grey).await;
    for path in [INTENTIONS, CHOICES, DECISION] {
        assert_eq!(martine.get(path).await.to, "/teleservice/accueil", "{path}");
    }
    martine.post(CHOICES, &GENERAL).await.says(StatusCode::CONFLICT, &["Le service Orientation est fermé"]);
    place.switch(Phase::Definitive, true);
    martine.sees("/teleservice/accueil", &["<a href=\"/teleservice/intentions\">Orientation</a>"]).await;
}

#[tokio::test]
async fn r11_r12_after_the_transfer_nothing_changes_and_the_family_replies() {
    let place = Place::of(&[jules()]).await;
    place.switch(Phase::Definitive, true);
    let martine = place.signed_in("responsable/1").await;
    assert_eq!(martine.post(CHOICES, &GENERAL).await.status, StatusCode::SEE_OTHER);
    martine.sees(DECISION, &["n'a pas encore répondu"]).await;
    let early = martine.post(DECISION, &[("accord", "non")]).await;
    early.says(StatusCode::CONFLICT, &["pas encore de réponse"]);
    place.switch(Phase::Definitive, false);
    place.respond(Phase::Definitive, proposals());
    // Not before the reopening.
    assert_eq!(martine.get(DECISION).await.to, "/teleservice/accueil");
    place.switch(Phase::Definitive, true);
    martine.sees(CHOICES, &["ne peuvent plus être modifiés"]).await;
    martine.post(CHOICES, &GENERAL).await.says(StatusCode::CONFLICT, &["ne peuvent plus être modifiés"]);

    martine.sees(DECISION, &["Non proposée", "Voie qui n'a pas été demandée", "RÉPONDRE"]).await;
    for (typed, said) in [
        (&[("voie", "2PRO")][..], "Vous devez indiquer votre accord ou votre désaccord."),
        (&[("accord", "oui")][..], "Vous devez sélectionner au moins une proposition"),
        (&[("accord", "non"), ("voie", "2PRO")][..], "Vous ne pouvez pas accepter une proposition et"),
    ] {
        martine.post(DECISION, typed).await.says(StatusCode::UNPROCESSABLE_ENTITY, &[said]);
    }
    let refused = martine.post(DECISION, &[("accord", "oui"), ("voie", "2GT")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "not proposed");
    let accepted = martine.post(DECISION, &[("accord", "oui"), ("voie", "2PRO"), ("voie", "1CAP")]).await;
    assert_eq!(accepted.to, "/teleservice/decision?fait=reponse");
    martine.sees(DECISION, &["<h2 id=\"reponse\">Décision</h2>", "par <bdi>Mme Martine DUPOND</bdi>"]).await;

    // The reply is whose it was first (R04's kin), and hers to change.
    let paul = place.signed_in("responsable/2").await;
    paul.sees(DECISION, &["Décision"]).await;
    paul.sees_no(DECISION, "RÉPONDRE").await;
    assert_eq!(paul.post(DECISION, &[("accord", "non")]).await.status, StatusCode::CONFLICT);
    assert_eq!(martine.post(DECISION, &[("accord", "non")]).await.status, StatusCode::SEE_OTHER);
    paul.sees(DECISION, &["Un entretien avec le chef d'établissement suit."]).await;
}

#[tokio::test]
async fn r13_both_get_the_guides_recap_when_the_session_ends() {
    let place = Place::of(&[jules()]).await;
    place.switch(Phase::Definitive, true);
    let martine = place.signed_in("responsable/1").await;
    assert_eq!(martine.post(CHOICES, &GUIDE).await.status, StatusCode::SEE_OTHER);
    let anybody = place.visitor();
    anybody.sees("/teleservice/courriels", &["Aucun courriel n'a été envoyé."]).await;
    martine.sign_out().await;
    anybody.sees("/teleservice/courriels", &["courriels</code>", "recapitulatif-00002.txt"]).await;
    let recap = "En voici le récapitulatif :\n\n- Choix 1 : 2de générale et technologique ou 2de STHR\n- Choix 2 : 2de \
                 professionnelle\n\nMétier ou formation : Mécanique\n\nSous statut d'apprenti\n\n- Choix 3 : 1re année de \
                 CAP\n\nMétier ou formation : Carrosserie\n\nSous statut scolaire\n\n";
    let end = "\n\nBien cordialement,\n\nCOLLEGE SIMONE VEIL\n38000 GRENOBLE\n";
    let owner = format!(
        "Objet : [ORIENTATION] Saisie des choix définitifs d'orientation\n\nBonjour,\n\nSuite à la démarche que vous avez \
         effectuée en ligne le 12/12/2019 à 10:58:42, nous vous confirmons par cet email que votre (vos) choix \
         définitif(s) a (ont) bien été enregistré(s) pour l'élève Jules DUPOND.\n\n{recap}Vous pouvez encore faire des \
         modifications jusqu'à la fermeture du service Orientation (date qui vous a été transmise par votre \
         établissement).{end}"
    );
    let reader = format!(
        "Objet : [ORIENTATION] Saisie des choix définitifs d'orientation\n\nBonjour,\n\nSuite à la démarche effectuée en \
         ligne le 12/12/2019 à 10:58:42 par Mme Martine DUPOND, nous vous informons par cet email que le(s) choix \
         définitif(s) a (ont) bien été enregistré(s) pour l'élève Jules DUPOND.\n\n{recap}Il est possible d'apporter des \
         modifications jusqu'à la fermeture du service Orientation (date qui vous a été transmise par votre \
         établissement), en vous rapprochant du responsable qui a saisi la demande.\n\nVous devez signifier votre accord \
         avec ce(s) choix définitif(s) ou votre désaccord par écrit au chef d'établissement.{end}"
    );
    anybody.sees("/teleservice/courriels/1", &["À : Mme Martine DUPOND &#60;representant1@", &owner]).await;
    anybody.sees("/teleservice/courriels/2", &["À : M. Paul DUPOND &#60;representant2@", &reader]).await;
    assert_eq!(anybody.get("/teleservice/courriels/3").await.status, StatusCode::NOT_FOUND);

    // Reading only sends nothing, and a seat that is taken over was left.
    let mut paul = place.signed_in("responsable/2").await;
    paul.sign_out().await;
    assert_eq!(hold(&place.teleservice).mails().len(), 2);
    paul.sign_in(&format!("{SCHOOL}/{JULES}/responsable/1")).await;
    assert_eq!(paul.post(CHOICES, &GENERAL).await.status, StatusCode::SEE_OTHER);
    paul.sign_in(&format!("{SCHOOL}/{JULES}/eleve")).await;
    assert_eq!(hold(&place.teleservice).mails().len(), 4);
}

#[tokio::test]
async fn r14_the_head_sees_what_a_representative_sees_and_changes_nothing() {
    let place = Place::of(&[jules()]).await;
    place.switch(Phase::Provisional, true);
    let mut head = place.visitor();
    let account = format!("{SCHOOL}/{JULES}/chef/1");
    assert_eq!(head.sign_in(&account).await.status, StatusCode::NOT_FOUND, "from the definitive phase on");
    place.switch(Phase::Definitive, true);
    assert_eq!(head.sign_in(&account).await.to, "/teleservice/accueil");
    let seen = ["Simulation d'accès", "vus par <bdi>Mme Martine DUPOND</bdi>", "<fieldset class=\"choice\" disabled"];
    head.sees(CHOICES, &seen).await;
    head.sees_no(CHOICES, "VALIDER").await;
    for (path, typed) in [(CHOICES, &GENERAL[..]), ("/teleservice/accuse", &[]), (DECISION, &[("accord", "non")])] {
        assert_eq!(head.post(path, typed).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(versions(&place, Phase::Definitive), 0);
}

const CAMPAIGN: &str = "/siecle/0380001V/2019/3E";

#[tokio::test]
async fn the_council_enters_opinions_with_reasons() {
    let place = Place::of(&[jules()]).await;
    let council = place.visitor();
    council.sees("/siecle", &["Collège Simone Veil</bdi> – Phase provisoire", "Phase définitive"]).await;
    council.sees(&format!("{CAMPAIGN}/PROVISOIRE"), &["1 famille sans saisie", "<bdi>3 A</bdi>"]).await;
    let without = [
        "1 famille pour lesquelles il n'y a pas de saisie enregistrée",
        "<bdi>Jules DUPOND</bdi><span><bdi>Mme Martine DUPOND</bdi>, <bdi>M. Paul DUPOND</bdi></span>",
    ];
    council.sees(&format!("{CAMPAIGN}/PROVISOIRE/sans-saisie"), &without).await;
    let seat = format!("{CAMPAIGN}/PROVISOIRE/eleve/{JULES}");
    council.sees(&seat, &["Aucune demande reçue", "2de professionnelle"]).await;
    let nothing = council.post(&seat, &[]).await;
    nothing.says(StatusCode::UNPROCESSABLE_ENTITY, &["Vous devez répondre sur chaque voie demandée."]);
    let unreasoned = council.post(&seat, &[("avis-2GT", "RESERVE")]).await;
    unreasoned.says(StatusCode::UNPROCESSABLE_ENTITY, &["Vous devez indiquer le motif de l'avis."]);
    let entered =
        council.post(&seat, &[("avis-2GT", "RESERVE"), ("motif-2GT", " À voir "), ("avis-2PRO", "FAVORABLE")]);
    assert_eq!(entered.await.to, format!("{CAMPAIGN}/PROVISOIRE/division?division=3%20A&fait=saisie"));
    let entered =
        ["2de générale et technologique ou 2de STHR : Réservé", "2de professionnelle : Favorable", "Modifier"];
    council.sees(&format!("{CAMPAIGN}/PROVISOIRE/division?division=3%20A"), &entered).await;
    council.sees(&seat, &["value=\"À voir\"", "value=\"RESERVE\" checked"]).await;
    let file = "0380001V-2019-REP-3E-PROVISOIRE-00001.xml";
    council.sees(&format!("{CAMPAIGN}/PROVISOIRE/envois"), &["Aucun envoi", file]).await;
    council.sees_no(&format!("{CAMPAIGN}/DEFINITIVE/envois"), file).await;
    let done = council.post(&format!("{CAMPAIGN}/PROVISOIRE/saisie-terminee"), &[]).await;
    assert_eq!(done.to, format!("{CAMPAIGN}/PROVISOIRE?fait=terminee"));
    let finished = "déclarée terminée le 12/12/2019 à 10:58:42";
    council.sees(&format!("{CAMPAIGN}/PROVISOIRE"), &[finished]).await;
}

#[tokio::test]
async fn what_siecle_does_not_know_is_not_found() {
    let place = Place::of(&[jules()]).await;
    let campaign = |rest: &str| format!("{CAMPAIGN}/DEFINITIVE{rest}");
    for path in [
        campaign("/eleve/7"),
        campaign("/eleve/jules"),
        campaign("/division?division=4%20Z"),
        "/siecle/0380001V/2018/3E/DEFINITIVE".to_owned(),
        "/siecle/0380001V/2019/3E/AUTRE/envois".to_owned(),
        "/siecle/0380001X/2019/3E/DEFINITIVE".to_owned(),
    ] {
        assert_ne!(place.visitor().get(&path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn an_order_closes_what_a_person_opened() {
    let place = Place::of(&[jules()]).await;
    place.switch(Phase::Definitive, true);
    let martine = place.signed_in("responsable/1").await;
    martine.sees(CHOICES, &["VALIDER"]).await;
    let order = WindowOrder { key: key(Phase::Definitive), number: 1, open: false, motive: Motive::Closing };
    hold(&place.teleservice).order_window(&order, at("2019-12-12T11:00:00+01:00")).unwrap();
    assert_eq!(martine.get(CHOICES).await.to, "/teleservice/accueil");
}
