//! A JSON document as names and values for people, in the order in which it was written.

use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::text;

/// A document that keeps its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    Fields(Vec<(String, Tree)>),
    Entries(Vec<Tree>),
    /// A text, or anything else as people write it. Harmless on a terminal.
    Scalar(String),
}

impl Tree {
    /// Leaves out fields of the document itself.
    pub(super) fn without(self, names: &[&str]) -> Self {
        match self {
            Self::Fields(mut fields) => {
                fields.retain(|(name, _)| !names.contains(&name.as_str()));
                Self::Fields(fields)
            }
            other => other,
        }
    }

    /// Takes a field out of the document.
    pub(super) fn take(&mut self, name: &str) -> Option<Self> {
        let Self::Fields(fields) = self else { return None };
        let place = fields.iter().position(|(field, _)| field == name)?;
        Some(fields.remove(place).1)
    }

    /// Leaves out fields of an inner document.
    pub(super) fn without_within(&mut self, path: &[&str], names: &[&str]) {
        let Self::Fields(fields) = self else { return };
        match path {
            [] => fields.retain(|(name, _)| !names.contains(&name.as_str())),
            [first, rest @ ..] => fields
                .iter_mut()
                .filter(|(name, _)| name == first)
                .for_each(|(_, inner)| inner.without_within(rest, names)),
        }
    }

    fn is_scalar(&self) -> bool {
        matches!(self, Self::Scalar(_))
    }

    fn write(&self, out: &mut String, indent: usize) {
        match self {
            Self::Fields(fields) => {
                for (name, value) in fields {
                    let _ = write!(out, "{:indent$}{}:", "", name.replace('_', " "));
                    value.write_after_name(out, indent);
                }
            }
            Self::Entries(entries) => {
                for entry in entries {
                    let mut lines = String::new();
                    entry.write(&mut lines, indent + 2);
                    // The first line of an entry stands beside its mark.
                    let _ = write!(out, "{:indent$}- {}", "", lines.trim_start());
                }
            }
            Self::Scalar(text) => {
                let _ = writeln!(out, "{:indent$}{}", "", text.replace('\n', &broken(indent)));
            }
        }
    }

    fn write_after_name(&self, out: &mut String, indent: usize) {
        match self {
            Self::Scalar(text) => {
                let _ = writeln!(out, " {}", text.replace('\n', &broken(indent + 2)));
            }
            Self::Entries(entries) if entries.iter().all(Self::is_scalar) => {
                let entries: Vec<&str> = entries.iter().map(Self::as_text).collect();
                let shown = if entries.is_empty() { "none".to_owned() } else { entries.join(", ") };
                let _ = writeln!(out, " {shown}");
            }
            Self::Fields(_) | Self::Entries(_) => {
                out.push('\n');
                self.write(out, indent + 2);
            }
        }
    }

    fn as_text(&self) -> &str {
        match self {
            Self::Scalar(text) => text,
            Self::Fields(_) | Self::Entries(_) => "",
        }
    }
}

fn broken(indent: usize) -> String {
    format!("\n{:indent$}", "")
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = String::new();
        self.write(&mut lines, 0);
        f.write_str(lines.trim_end())
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Tree::Fields(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element()? {
            entries.push(entry);
        }
        Ok(Tree::Entries(entries))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(text::paragraph(value)))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(if value { "yes" } else { "no" }.to_owned()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar("none".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_taken_out_once() {
        let mut tree: Tree = serde_json::from_str(r#"{ "one": 1, "two": { "inner": 2 } }"#).unwrap();
        let mut taken = tree.take("two").unwrap();
        assert_eq!(taken.take("inner").unwrap().to_string(), "2");
        assert_eq!((tree.take("two"), tree.to_string()), (None, "one: 1".to_owned()));
        let mut tree: Tree = serde_json::from_str(r#"{ "a": { "b": { "c": 1, "d": 2 } }, "c": 3 }"#).unwrap();
        tree.without_within(&["a", "b"], &["c"]);
        assert_eq!(tree.to_string(), "a:\n  b:\n    d: 2\nc: 3");
    }

    #[test]
    fn names_and_values_keep_their_order_and_act_on_no_terminal() {
        let document = r#"{
            "purpose": "customs", "late": false,
            "content": { "recall": { "reason": "wrong\naddress\u001b[2J" } },
            "handling": ["H0", "H2"], "codes": [],
            "route": [{ "from_port": "HKHKG", "days": 3 }, { "from_port": "DEHAM" }]
        }"#;
        let tree: Tree = serde_json::from_str(document).unwrap();
        assert_eq!(
            tree.without(&["late"]).to_string(),
            "purpose: customs\ncontent:\n  recall:\n    reason: wrong\n      address\\u{1b}[2J\nhandling: H0, H2\n\
             codes: none\nroute:\n  - from port: HKHKG\n    days: 3\n  - from port: DEHAM"
        );
    }
}
