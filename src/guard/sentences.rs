//! What staff read when the guard says no: one French sentence with the rule, the instant in local time and what to do.

use crate::domain::{
    pupil::Division,
    time::{CivilFault, Timestamp, Zone, french},
};
use crate::guard::{
    alerts::{in_zone, listed, numbers},
    verdict::{Council, Order, Plea, Refusal, Shut, Why},
};

/// What the flag `AtRisk` means.
pub const AT_RISK: &str = "À RISQUE : le premier conseil est à moins de 24 heures ou a commencé, et ni les demandes ni \
                           les réponses ne sont là où il le faut.";
/// What there is to do then.
pub const AT_RISK_TODO: &str = "À RISQUE : lancez « navette resync » pour porter les demandes à Siècle ; si leur compte \
                                rendu n'arrive pas avant le conseil, reportez-le (« navette calendar load »).";

impl Refusal {
    /// The French sentence of this refusal, with instants in `zone`.
    pub fn sentence(&self, zone: Zone) -> String {
        let plea = match self.plea {
            Plea::None => "",
            Plea::Forbidden => " ; la configuration ne permet pas de dérogation",
            Plea::Powerless => " ; aucune dérogation ne lève cette règle",
        };
        format!("{}{plea}.", reason(&self.why, zone))
    }
}

fn reason(why: &Why, zone: Zone) -> String {
    match why {
        Why::NoCalendar => "Aucun calendrier n'est chargé pour cette campagne, et sans lui seule la fermeture est \
                            permise : chargez-le avec « navette calendar load »"
            .to_owned(),
        Why::Unreachable => {
            "Le téléservice ne répond pas, et sans connaître son état seule la fermeture est permise : \
                             rétablissez la liaison (« navette doctor »), puis recommencez"
                .to_owned()
        }
        Why::Clock { skew_ms } => format!(
            "L'horloge de cette machine {} de plus de 2 minutes sur celle d'un service (écart : {} s) : remettez-la à \
             l'heure, puis recommencez",
            if *skew_ms < 0 { "retarde" } else { "avance" },
            skew_ms.unsigned_abs() / 1_000
        ),
        Why::CivilTime(fault) => civil_time(fault),
        Why::CalendarOrder(order) => calendar_order(*order).to_owned(),
        Why::ClosesTooLate { council, latest } => format!(
            "La fermeture doit précéder de 24 heures au moins le premier conseil, celui de {} (R08) : fixez-la au plus \
             tard {}",
            held(council, zone),
            in_zone(*latest, zone)
        ),
        Why::ReopensTooEarly { council, earliest } => format!(
            "La réouverture doit suivre de 24 heures au moins le dernier conseil, celui de {} (R10) : fixez-la au plus \
             tôt {}",
            held(council, zone),
            in_zone(*earliest, zone)
        ),
        Why::DivisionWithoutCouncil(divisions) if divisions.is_empty() => {
            "Le calendrier ne prévoit aucun conseil, alors qu'il en faut un par division : ajoutez-les".to_owned()
        }
        Why::DivisionWithoutCouncil(divisions) => format!(
            "Chaque division qui a des élèves en procédure doit avoir un conseil : ajoutez celui qui manque pour {}",
            listed(divisions)
        ),
        Why::CouncilTooSoon(council) => format!(
            "Le service est encore ouvert à moins de 24 heures du conseil que tient {} (R08) : fermez-le d'abord avec \
             « navette window close », ou reculez ce conseil",
            held(council, zone)
        ),
        Why::NotYet { opens } => format!(
            "L'ouverture est prévue {} et n'est pas permise avant : attendez, ou avancez-la dans le calendrier",
            in_zone(*opens, zone)
        ),
        Why::WindowClosed(shut) => window_closed(*shut, zone),
        Why::ResponsesWhileOpen => {
            "Les réponses des conseils ne sont prises qu'une fois le service fermé : le fichier \
                                    est gardé entier et sera repris de lui-même dès la fermeture"
                .to_owned()
        }
        Why::CouncilNotHeld(council) => format!(
            "La réouverture n'est pas permise avant le dernier conseil (R10), celui de {} : attendez qu'il ait commencé",
            held(council, zone)
        ),
        Why::ResponsesMissing { missing, next_fetch_at } => responses_missing(missing, *next_fetch_at, zone),
        Why::TransferMissing { waiting, held_files } => transfer_missing(*waiting, *held_files),
        Why::Wait24h { entered_at, earliest } => format!(
            "La réouverture attend 24 heures après la saisie des réponses, achevée {} (R10) : elle sera permise à partir du \
             {}, redemandez-la alors",
            in_zone(*entered_at, zone),
            french(earliest.civil_in(zone))
        ),
        Why::LotInDoubt(lots) => format!(
            "Nul ne sait si l'envoi {} est arrivé dans Siècle, et rouvrir pourrait perdre une demande : levez le doute \
             avec « navette lots settle »",
            numbers(lots)
        ),
    }
}

fn window_closed(shut: Shut, zone: Zone) -> String {
    match shut {
        Shut::Closed(closing) => format!(
            "La saisie des demandes devait être close {} (R08) et ne s'ouvre plus : si les conseils sont reportés, \
             changez d'abord le calendrier",
            in_zone(closing, zone)
        ),
        Shut::Responses => "Des réponses de conseil ont déjà été reçues, et la saisie des demandes ne s'ouvre plus : \
                            demandez la réouverture une fois les conseils tenus (R10)"
            .to_owned(),
        Shut::Ended(ends) => format!(
            "La campagne a pris fin {} et ne s'ouvre plus : si elle doit durer, changez d'abord sa fin dans le calendrier",
            in_zone(ends, zone)
        ),
    }
}

fn responses_missing(missing: &[(Division, u32)], next_fetch_at: Option<Timestamp>, zone: Zone) -> String {
    let total: u32 = missing.iter().map(|(_, count)| count).sum();
    let lacking = if missing.is_empty() {
        "La saisie des réponses des conseils n'est pas achevée".to_owned()
    } else {
        let by_division = missing.iter().map(|(division, count)| format!("{division} : {count}"));
        let by_division = by_division.collect::<Vec<_>>().join(", ");
        let noun = if total == 1 { "réponse de conseil" } else { "réponses de conseil" };
        format!("Il manque {total} {noun} ({by_division})")
    };
    let fetched = next_fetch_at.map_or_else(|| "la prochaine nuit".to_owned(), |at| in_zone(at, zone));
    format!(
        "{lacking}, et la réouverture les attend toutes (R10) : saisissez-les ou déclarez la saisie terminée dans \
         Siècle, navette les relira {fetched}"
    )
}

fn transfer_missing(waiting: u32, held_files: u32) -> String {
    let lacking = match (waiting, held_files) {
        (0, 0) => "Le téléservice n'a encore confirmé aucune réponse des conseils".to_owned(),
        (_, 0) => {
            format!("Le téléservice n'a pas encore confirmé toutes les réponses des conseils (en attente : {waiting})")
        }
        (_, _) => format!("Des fichiers de réponses sont retenus et pas encore portés au téléservice ({held_files})"),
    };
    format!(
        "{lacking}, et la réouverture attend leur transfert (R10) : il part à la prochaine nuit, ou tout de suite avec \
         « navette resync »"
    )
}

fn civil_time(fault: &CivilFault) -> String {
    match fault {
        CivilFault::Gap(civil, zone) => format!(
            "L'heure « {} » n'existe pas ({zone}), car cette nuit-là on avance les horloges : choisissez-en une autre",
            french(*civil)
        ),
        CivilFault::Fold(civil, zone) => format!(
            "L'heure « {} » existe deux fois ({zone}), car cette nuit-là on recule les horloges : écrivez-la avec son \
             décalage, ou choisissez-en une autre",
            french(*civil)
        ),
    }
}

const fn calendar_order(order: Order) -> &'static str {
    match order {
        Order::OpensBeforeCloses => {
            "L'ouverture doit précéder la fermeture : corrigez l'une des deux dans le calendrier"
        }
        Order::ReopensBeforeEnds => {
            "La fin de la campagne doit suivre la réouverture : corrigez l'une des deux dans le calendrier"
        }
        Order::ClosesBeforeEnds => {
            "La fin de la campagne doit suivre la fermeture : corrigez l'une des deux dans le calendrier"
        }
    }
}

/// A council as a sentence names it: `la 3 A le jeudi 28 mai 2020 à 16:15`.
fn held(council: &Council, zone: Zone) -> String {
    format!("la {} {}", council.division, in_zone(council.at, zone))
}
