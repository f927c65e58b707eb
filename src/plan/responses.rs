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

/// Judges what an order would change: responses that the téléservice confirmed before and that now read otherwise, among
/// those that are to be carried.
pub fn judge(
    to_carry: &[(Response, bool)],
    transferred: u32,
    thresholds: Thresholds,
    approved: Option<PlanDigest>,
) -> Gate {
    let changed = to_carry.iter().filter(|(_, changed)| *changed).map(|(response, _)| response);
    let pupils = changed.map(|response| (response.pupil, response.demand_version.unwrap_or(0))).collect();
    thresholds.judge(Loss::new(pupils, transferred), approved)
}
