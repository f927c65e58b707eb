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
