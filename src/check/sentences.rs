//! What staff read of an anomaly: what it means, and what to do. One French sentence each, without any name.

use crate::domain::anomaly::Code;

/// What an anomaly of this code means.
pub const fn meaning(code: Code) -> &'static str {
    match code {
        Code::Evenement => "Un événement du téléservice est illisible : il est gardé à part et n'a rien changé.",
        Code::Sequence => "Des événements du téléservice manquent : la lecture s'est arrêtée avant eux.",
        Code::FluxRecule => {
            "Le téléservice est revenu en arrière, comme après une restauration : la lecture est arrêtée."
        }
        Code::Choix => "Une demande n'a pas d'un à trois choix rangés et différents (R02) : elle n'est pas exportée.",
        Code::Voie => "Une voie ne convient pas au palier, ou sa formation ou son statut manque (R03).",
        Code::Proprietaire => "Un représentant a saisi alors que l'autre est titulaire de la saisie (R04).",
        Code::AccuseManquant => {
            "Une demande définitive est arrivée sans que l'avis provisoire ait été lu (R05) : elle n'est pas exportée."
        }
        Code::Verrouillee => "Une demande a changé après le transfert de sa réponse (R12) : le changement est écarté.",
        Code::Tardive => {
            "Une demande a été validée après la date limite, le service étant encore ouvert (R18) : elle est exportée."
        }
        Code::Texte => "Un texte contient un caractère de contrôle : l'événement est gardé à part et n'a rien changé.",
        Code::Encodage => "Un texte contient un caractère que le fichier ne peut porter : l'élève n'est pas exporté.",
        Code::Inconnu => "Une réponse vise un élève que le téléservice ne connaît pas, ou qui est parti.",
        Code::Etablissement => "Une réponse vise l'élève d'un autre établissement.",
        Code::Annee => "Un fichier de réponses est celui d'une autre année scolaire : il est refusé en entier.",
        Code::Motif => "Le motif d'un avis réservé ou défavorable manque : l'avis n'est pas pris.",
        Code::Doublon => "Le même élève figure deux fois dans un fichier de réponses : aucune des deux n'est prise.",
        Code::Ancienne => "Une réponse est plus ancienne que celle déjà prise : la plus récente demeure.",
        Code::Conflit => "Deux réponses saisies au même instant se contredisent : la première prise demeure.",
        Code::Perimee => {
            "Le conseil a vu une autre version de la demande que la dernière validée (R17) : la réponse est prise."
        }
        Code::NumEnvoi => "Un numéro de fichier de réponses déjà lu désigne un autre contenu : le second est refusé.",
        Code::Rejet => "Siècle a refusé l'élève d'un envoi, ou le téléservice a refusé sa réponse.",
        Code::Derive => "Le service a été ouvert sans que la règle le permette : navette le referme.",
        Code::CleIne => "La clé d'un INE ne correspond pas à ses chiffres : simple avertissement.",
        Code::Mef => "Un code de formation ne convient pas à la voie choisie : simple avertissement.",
    }
}

/// What to do about an anomaly of this code.
pub const fn remedy(code: Code) -> &'static str {
    match code {
        Code::Evenement | Code::Texte => {
            "Signalez l'événement à l'assistance du téléservice, et vérifiez la demande de l'élève."
        }
        Code::Sequence => {
            "Attendez un passage ; si le trou demeure, passez-le avec « navette anomalies settle », ou relisez tout avec \
             « navette resync --reread »."
        }
        Code::FluxRecule => {
            "Relisez tout avec « navette resync --reread », après accord de l'assistance du téléservice."
        }
        Code::Choix | Code::Voie => {
            "Pour une demande, faites-la corriger par la famille ; pour une réponse, corrigez-la dans Siècle."
        }
        Code::Proprietaire => "Prévenez les deux représentants : seul celui qui a saisi le premier peut modifier.",
        Code::AccuseManquant => "Faites accuser réception de l'avis provisoire, puis valider de nouveau la demande.",
        Code::Verrouillee => "Prévenez la famille : la réponse du conseil porte sur la demande d'avant.",
        Code::Tardive => "Vérifiez que le conseil a cette demande sous les yeux.",
        Code::Encodage => "Corrigez le nom ou le libellé à la source, ou exportez en XML ou en UTF-8.",
        Code::Inconnu => "Vérifiez l'inscription de l'élève dans Siècle et dans le téléservice.",
        Code::Etablissement => "Faites saisir la réponse par l'établissement de l'élève.",
        Code::Annee => "Publiez le fichier de l'année de la campagne.",
        Code::Motif => "Saisissez le motif dans Siècle : la réponse partira avec le fichier suivant.",
        Code::Doublon => "Ne gardez qu'une réponse par élève dans Siècle, puis publiez de nouveau.",
        Code::Ancienne => "Rien à faire si la réponse récente est la bonne ; sinon ressaisissez-la dans Siècle.",
        Code::Conflit => "Décidez laquelle est la bonne et ressaisissez-la dans Siècle.",
        Code::Perimee => {
            "Comparez la réponse et la dernière demande, et revoyez le conseil ou la famille s'il le faut."
        }
        Code::NumEnvoi => "Publiez le contenu corrigé sous un nouveau numéro.",
        Code::Rejet => "Lisez le code avec « navette anomalies list », corrigez la cause, puis renvoyez.",
        Code::Derive => "Demandez qui a ouvert le service, et passez désormais par « navette window ».",
        Code::CleIne => "Vérifiez l'INE dans Siècle.",
        Code::Mef => "Vérifiez la formation avec la famille.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_meaning_and_something_to_do() {
        let meanings: std::collections::BTreeSet<&str> = Code::ALL.into_iter().map(meaning).collect();
        assert_eq!(meanings.len(), Code::ALL.len());
        for said in Code::ALL.into_iter().flat_map(|code| [meaning(code), remedy(code)]) {
            let shaped = said.ends_with('.') && said.starts_with(char::is_uppercase) && !said.contains("  ");
            assert!(shaped && said.chars().count() <= 160, "{said}");
        }
    }
}
