//! Digests of what a lot says, by which "nothing changed" is told: everything that reaches the file but `NUM_ENVOI` and
//! `HORODATAGE`. They are compared with each other only, and are no file's digest.

use crate::domain::{
    campaign::CampaignKey,
    demand::{Acknowledgement, Choice, Demand, Reply},
    lot::LotPupil,
    pupil::PupilId,
    time::{Timestamp, Zone},
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The digest of a lot's content; `pupils` come in the lot's order.
pub(in crate::plan) fn digest(key: CampaignKey, zone: Zone, pupils: &[LotPupil]) -> [u8; 32] {
    let mut words = Words(Sha256::new());
    words.text(&key.to_string());
    words.text(zone.name());
    words.each(pupils, Words::pupil);
    words.0.finalize().into()
}

/// The digest of the acknowledgements alone, whatever the pupils' divisions.
pub(in crate::plan) fn acknowledgements(pupils: &[LotPupil]) -> [u8; 32] {
    let by_pupil: BTreeMap<PupilId, &Acknowledgement> =
        pupils.iter().filter_map(|pupil| Some((pupil.id, pupil.acknowledgement.as_ref()?))).collect();
    let mut words = Words(Sha256::new());
    for (pupil, ack) in by_pupil {
        words.number(pupil.0);
        words.acknowledgement(ack);
    }
    words.0.finalize().into()
}

/// Writes values so that no two contents give the same bytes: lengths before texts, a mark before what may be absent.
struct Words(Sha256);

impl Words {
    fn number(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    fn instant(&mut self, instant: Timestamp) {
        self.number(instant.epoch_ms());
    }

    fn length(&mut self, length: usize) {
        self.number(i64::try_from(length).unwrap_or(i64::MAX));
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.update(text.as_bytes());
    }

    fn each<T>(&mut self, values: &[T], write: impl Fn(&mut Self, &T)) {
        self.length(values.len());
        values.iter().for_each(|value| write(self, value));
    }

    fn maybe<T>(&mut self, value: Option<&T>, write: impl Fn(&mut Self, &T)) {
        self.each(value.map(std::slice::from_ref).unwrap_or_default(), write);
    }

    fn pupil(&mut self, pupil: &LotPupil) {
        self.number(pupil.id.0);
        self.maybe(pupil.ine.as_ref(), |words, ine| words.text(ine.as_str()));
        self.text(pupil.division.as_str());
        self.text(pupil.last_name.reveal());
        self.text(pupil.first_name.reveal());
        self.maybe(pupil.demand.as_ref(), Self::demand);
        self.maybe(pupil.acknowledgement.as_ref(), Self::acknowledgement);
        self.maybe(pupil.reply.as_ref(), Self::reply);
    }

    fn demand(&mut self, demand: &Demand) {
        self.number(i64::from(demand.version));
        self.number(demand.representative.0);
        self.instant(demand.validated_at);
        self.number(i64::from(demand.late));
        self.each(demand.choices.as_slice(), Self::choice);
    }

    fn choice(&mut self, choice: &Choice) {
        self.text(choice.track().code());
        self.maybe(choice.formation(), |words, formation| {
            words.text(&formation.label);
            words.maybe(formation.code.as_ref(), |words, code| words.text(code.as_str()));
            words.text(formation.status.code());
        });
    }

    fn acknowledgement(&mut self, ack: &Acknowledgement) {
        self.number(ack.representative.0);
        self.instant(ack.at);
    }

    fn reply(&mut self, reply: &Reply) {
        self.number(reply.representative.0);
        self.instant(reply.at);
        self.number(i64::from(reply.agrees));
        self.each(&reply.accepted, |words, track| words.text(track.code()));
    }
}

#[cfg(test)]
mod tests {
    use super::{acknowledgements, digest};
    use crate::domain::{
        campaign::{CampaignKey, Phase},
        demand::{Acknowledgement, Choice, Choices, Demand, Formation, Reply},
        lot::LotPupil,
        pupil::{Division, Ine, Private, PupilId, RepresentativeId},
        school::{Level, SchoolKey, SchoolYear, Uai},
        time::{Timestamp, Zone},
        track::{MefCode, Status, Track},
    };
    use rstest::rstest;

    fn key(phase: Phase) -> CampaignKey {
        let school = SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() };
        CampaignKey { school, level: Level::Troisieme, phase }
    }

    fn at(s: i64) -> Timestamp {
        Timestamp::from_epoch_ms(s * 1_000)
    }

    fn choices(label: &str, code: Option<&str>, status: Status) -> Choices {
        let code = code.map(|code| MefCode::parse(code).unwrap());
        let formation = Formation { label: label.to_owned(), code, status };
        let vocational = Choice::new(Track::SecondePro, Some(formation)).unwrap();
        Choices::new(Level::Troisieme, vec![Choice::new(Track::SecondeGt, None).unwrap(), vocational]).unwrap()
    }

    /// A pupil of whom everything is known.
    fn full() -> LotPupil {
        let representative = RepresentativeId(1);
        LotPupil {
            id: PupilId(100),
            ine: Ine::parse("123456789AB").ok(),
            division: Division::parse("3 A").unwrap(),
            last_name: Private::new("DUPOND".to_owned()),
            first_name: Private::new("Jules".to_owned()),
            demand: Some(Demand {
                pupil: PupilId(100),
                phase: Phase::Definitive,
                version: 1,
                representative,
                validated_at: at(1),
                choices: choices("Bois", Some("2470000001"), Status::School),
                late: false,
            }),
            acknowledgement: Some(Acknowledgement { representative, at: at(2) }),
            reply: Some(Reply { representative, at: at(3), agrees: true, accepted: vec![Track::SecondeGt] }),
        }
    }

    fn in_demand(pupil: &mut LotPupil, change: impl Fn(&mut Demand)) {
        pupil.demand.iter_mut().for_each(change);
    }

    #[rstest]
    #[case(|it: &mut LotPupil| it.id = PupilId(101))]
    #[case(|it: &mut LotPupil| it.ine = None)]
    #[case(|it: &mut LotPupil| it.ine = Ine::parse("123456789AC").ok())]
    #[case(|it: &mut LotPupil| it.division = Division::parse("3 B").unwrap())]
    #[case(|it: &mut LotPupil| it.last_name = Private::new("DUPONT".to_owned()))]
    #[case(|it: &mut LotPupil| it.first_name = Private::new("Jules D".to_owned()))]
    #[case(|it: &mut LotPupil| {
        it.last_name = Private::new("DUPON".to_owned());
        it.first_name = Private::new("DJules".to_owned());
    })]
    #[case(|it: &mut LotPupil| it.demand = None)]
    #[case(|it: &mut LotPupil| in_demand(it, |demand| demand.version = 2))]
    #[case(|it: &mut LotPupil| in_demand(it, |demand| demand.representative = RepresentativeId(2)))]
    #[case(|it: &mut LotPupil| in_demand(it, |demand| demand.validated_at = at(9)))]
    #[case(|it: &mut LotPupil| in_demand(it, |demand| demand.late = true))]
    #[case(|it: &mut LotPupil| in_demand(it, |demand| demand.choices = choices("Fer", Some("2470000001"), Status::School)))]
    #[case(|it: &mut LotPupil| in_demand(it, |demand| demand.choices = choices("Bois", None, Status::School)))]
    #[case(|it: &mut LotPupil| in_demand(it, |demand| demand.choices = choices("Bois", Some("2470000002"), Status::School)))]
    #[case(|it: &mut LotPupil| in_demand(it, |demand| demand.choices = choices("Bois", Some("2470000001"), Status::Apprentice)))]
    #[case(|it: &mut LotPupil| in_demand(it, |demand| {
        let turned = demand.choices.as_slice().iter().rev().cloned().collect();
        demand.choices = Choices::new(Level::Troisieme, turned).unwrap();
    }))]
    #[case(|it: &mut LotPupil| in_demand(it, |demand| {
        demand.choices = Choices::new(Level::Troisieme, vec![Choice::new(Track::SecondeGt, None).unwrap()]).unwrap();
    }))]
    #[case(|it: &mut LotPupil| it.acknowledgement = None)]
    #[case(|it: &mut LotPupil| it.acknowledgement.iter_mut().for_each(|ack| ack.representative = RepresentativeId(2)))]
    #[case(|it: &mut LotPupil| it.acknowledgement.iter_mut().for_each(|ack| ack.at = at(9)))]
    #[case(|it: &mut LotPupil| it.reply = None)]
    #[case(|it: &mut LotPupil| it.reply.iter_mut().for_each(|reply| reply.representative = RepresentativeId(2)))]
    #[case(|it: &mut LotPupil| it.reply.iter_mut().for_each(|reply| reply.at = at(9)))]
    #[case(|it: &mut LotPupil| it.reply.iter_mut().for_each(|reply| reply.agrees = false))]
    #[case(|it: &mut LotPupil| it.reply.iter_mut().for_each(|reply| reply.accepted = vec![Track::Cap]))]
    #[case(|it: &mut LotPupil| it.reply.iter_mut().for_each(|reply| reply.accepted.clear()))]
    fn everything_that_reaches_the_file_counts(#[case] change: fn(&mut LotPupil)) {
        let mut changed = full();
        change(&mut changed);
        let of = |pupil: LotPupil| digest(key(Phase::Definitive), Zone::Europe__Paris, &[pupil]);
        assert_ne!(of(changed), of(full()));
        assert_eq!(of(full()), of(full()));
    }

    #[test]
    fn campaign_zone_and_rows_count() {
        let of = |phase, zone, rows: usize| digest(key(phase), zone, &vec![full(); rows]);
        let base = of(Phase::Definitive, Zone::Europe__Paris, 1);
        assert_ne!(of(Phase::Provisional, Zone::Europe__Paris, 1), base);
        assert_ne!(of(Phase::Definitive, Zone::Indian__Reunion, 1), base);
        assert_ne!(of(Phase::Definitive, Zone::Europe__Paris, 2), base);
    }

    #[test]
    fn acknowledgements_are_compared_alone() {
        let other = LotPupil { id: PupilId(99), division: Division::parse("3 Z").unwrap(), ..full() };
        let base = acknowledgements(&[full(), other.clone()]);
        assert_eq!(acknowledgements(&[other.clone(), full()]), base);
        assert_eq!(acknowledgements(&[LotPupil { demand: None, reply: None, ..full() }, other.clone()]), base);
        let silent = LotPupil { acknowledgement: None, ..other.clone() };
        assert_ne!(acknowledgements(&[full(), silent.clone()]), base);
        assert_eq!(acknowledgements(&[full(), silent]), acknowledgements(&[full()]));
        let moved = LotPupil { id: PupilId(98), ..other.clone() };
        assert_ne!(acknowledgements(&[full(), moved]), base);
        let by_the_other = Some(Acknowledgement { representative: RepresentativeId(2), at: at(2) });
        assert_ne!(acknowledgements(&[full(), LotPupil { acknowledgement: by_the_other, ..other.clone() }]), base);
        let later = Some(Acknowledgement { representative: RepresentativeId(1), at: at(3) });
        assert_ne!(acknowledgements(&[full(), LotPupil { acknowledgement: later, ..other }]), base);
    }
}
