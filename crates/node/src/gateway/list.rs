//! Lists that fit into one answer, however large the messages in them are.

use prost::Message as _;
use sealpost_domain::view::Query;
use sealpost_proto::v1 as pb;
use sealpost_wire::gateway as wire;

use crate::handle::{Handle, ViewError};

/// How many messages are opened at a time: with bodies of a mebibyte, this is what a list holds in memory.
const STRETCH: u32 = 16;
/// How many bytes a list has at most, unless its first message alone has more.
const PAGE_BYTES_MAX: usize = 3 << 20;

/// The messages that were asked for, or as many of them as fit.
pub(super) async fn page(handle: &Handle, query: Query) -> Result<pb::ListResponse, ViewError> {
    let limit = query.limit() as usize;
    let mut answer = pb::ListResponse::default();
    let (mut bytes, mut before) = (0, query.before);
    loop {
        let missing = u32::try_from(limit - answer.messages.len()).unwrap_or(STRETCH);
        let stretch = Query { filter: query.filter.clone(), limit: missing.min(STRETCH), before };
        let page = handle.list(stretch).await?;
        let Some(last) = page.messages.last() else {
            answer.more = page.more;
            return Ok(answer);
        };
        before = Some(last.index);
        for shown in &page.messages {
            let message = wire::shown_message(shown);
            bytes += message.encoded_len();
            if bytes > PAGE_BYTES_MAX && !answer.messages.is_empty() {
                answer.more = true;
                return Ok(answer);
            }
            answer.messages.push(message);
        }
        answer.more = page.more;
        if !page.more || answer.messages.len() >= limit {
            return Ok(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use sealpost_domain::view::Filter;

    use super::super::fake::FakeNode;
    use super::*;

    async fn listed(node: &FakeNode, limit: u32, before: Option<u64>) -> (Vec<u64>, bool) {
        let query = Query { filter: Filter::default(), limit, before };
        let page = page(&node.handle(1), query).await.unwrap();
        (page.messages.iter().map(|message| message.ledger_index).collect(), page.more)
    }

    #[tokio::test]
    async fn the_newest_come_first_and_the_rest_is_announced() {
        let node = FakeNode::with_messages(50);
        assert_eq!(listed(&node, 40, None).await, ((10..50).rev().collect(), true));
        assert_eq!(listed(&node, 40, Some(10)).await, ((0..10).rev().collect(), false));
        assert_eq!(listed(&node, 40, Some(0)).await, (Vec::new(), false));
    }

    #[tokio::test]
    async fn a_list_of_exactly_what_there_is_announces_nothing() {
        let node = FakeNode::with_messages(32);
        assert_eq!(listed(&node, 32, None).await, ((0..32).rev().collect(), false));
        assert_eq!(listed(&node, 0, None).await.0.len(), 32);
    }
}
