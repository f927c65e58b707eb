//! What is carried to the téléservice: responses that it has not confirmed, an order at a time.

use crate::domain::{campaign::CampaignKey, order::ResponseOrder, response::Response};

/// Most pupils in one order: an answer that is lost costs little, and a body stays small.
pub const ORDER_PUPILS_MAX: usize = 500;

/// The next order, with the first responses by `ELEVE_ID`; none when nothing is to be carried. Those left over go with
/// the order that is planned after it.
pub fn plan(key: CampaignKey, next_number: u32, mut responses: Vec<Response>) -> Option<ResponseOrder> {
    responses.sort_by_key(|response| response.pupil);
    responses.truncate(ORDER_PUPILS_MAX);
    (!responses.is_empty()).then_some(ResponseOrder { key, number: next_number, responses })
}
