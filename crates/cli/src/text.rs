//! Text from elsewhere on this terminal.

pub(crate) use sealpost_domain::view::harmless::{json, line, paragraph};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_afterwards() {
        let document = "{\"note\":\"a\u{9b}b\u{202e}c\"}";
        let harmless = json(document);
        assert_eq!(harmless, "{\"note\":\"a\\u009bb\\u202ec\"}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&harmless), read(document));
    }
}
