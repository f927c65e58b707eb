//! What is carried to the téléservice: responses that it has not confirmed, an order at a time.

use crate::domain::{campaign::CampaignKey, order::ResponseOrder, response::Response};
use crate::plan::thresholds::{Gate, Loss, PlanDigest, Thresholds};

/// Most pupils in one order: an answer that is lost costs little, and a body stays small.
pub const ORDER_PUPILS_MAX: usize = 500;

/// The next order, with the first responses by `ELEVE_ID`; none when nothing is to be carried. Those left over go with
/// the order that is planned after it.
pub fn plan(key: CampaignKey, next_number: u32, mut responses: Vec<Response>) -> Option<ResponseOrder> {
    responses.sort_by_key(|response| response.pupil);
    responses.truncate(ORDER_PUPILS_MAX);
    (!responses.is_empty()).then_some(ResponseOrder { key, number: next_number, responses })
}

/// Judges what a response file would change: its responses, each with whether it would change one that was transferred
/// already (teleservice.md, thresholds).
pub fn judge(
    arrived: &[(Response, bool)],
    transferred: u32,
    thresholds: Thresholds,
    approved: Option<PlanDigest>,
) -> Gate {
    let changed = arrived.iter().filter(|(_, changed)| *changed).map(|(response, _)| response);
    let pupils = changed.map(|response| (response.pupil, response.demand_version.unwrap_or(0))).collect();
    thresholds.judge(Loss::new(pupils, transferred), approved)
}

#[cfg(test)]
mod tests {
    use super::{ORDER_PUPILS_MAX, judge, plan};
    use crate::domain::{
        campaign::{CampaignKey, Phase},
        pupil::PupilId,
        response::{Response, Verdicts},
        school::{Level, SchoolKey, SchoolYear, Uai},
        time::{Timestamp, parse_date},
    };
    use crate::plan::thresholds::{Gate, Loss, Thresholds};
    use rstest::rstest;

    fn key() -> CampaignKey {
        let school = SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() };
        CampaignKey { school, level: Level::Troisieme, phase: Phase::Definitive }
    }

    fn response(pupil: i64, demand_version: Option<u32>) -> Response {
        Response {
            pupil: PupilId(pupil),
            demand_version,
            entered_at: Timestamp::from_epoch_ms(0),
            council: parse_date("2020-05-28").unwrap(),
            verdicts: Verdicts::Proposals(Vec::new()),
        }
    }

    fn backwards(many: usize) -> Vec<Response> {
        (0..i64::try_from(many).unwrap()).rev().map(|pupil| response(pupil, Some(1))).collect()
    }

    #[rstest]
    #[case(1, 1)]
    #[case(ORDER_PUPILS_MAX, ORDER_PUPILS_MAX)]
    #[case(ORDER_PUPILS_MAX + 1, ORDER_PUPILS_MAX)]
    fn an_order_carries_the_first_pupils(#[case] many: usize, #[case] carried: usize) {
        let order = plan(key(), 4, backwards(many)).unwrap();
        assert_eq!((order.key, order.number), (key(), 4));
        let mut expected = backwards(carried);
        expected.reverse();
        assert_eq!(order.responses, expected);
    }

    #[test]
    fn nothing_to_carry_is_no_order() {
        assert_eq!(plan(key(), 4, Vec::new()), None);
    }

    #[test]
    fn many_changed_responses_are_held_until_approved() {
        let mut to_carry: Vec<(Response, bool)> = (1..=6).map(|id| (response(id, Some(2)), true)).collect();
        to_carry.push((response(7, Some(1)), false));
        let loss = Loss::new((1..=6).map(|id| (PupilId(id), 2)).collect(), 29);
        let judged = |transferred, approved| judge(&to_carry, transferred, Thresholds::default(), approved);
        assert_eq!(judged(30, None), Gate::Pass);
        assert_eq!(judged(29, None), Gate::Held(loss.clone()));
        assert_eq!(judged(29, Some(loss.digest)), Gate::Approved);
    }

    #[test]
    fn a_response_to_a_paper_demand_counts_as_version_0() {
        let to_carry = [(response(1, None), true)];
        let strict = Thresholds { vanish_percent: 0, vanish_floor: 0 };
        assert_eq!(judge(&to_carry, 1, strict, None), Gate::Held(Loss::new(vec![(PupilId(1), 0)], 1)));
    }
}
