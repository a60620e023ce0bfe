//! Text from elsewhere, on somebody's terminal: whatever it holds, it cannot move the cursor, hide or reorder other text.

use std::fmt::Write as _;

/// Characters that act on a terminal, or on the order in which text is shown, instead of being shown.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// For people: line breaks become blanks, everything else that acts is written as its code.
pub fn line(text: &str) -> String {
    shown(text, |character| matches!(character, '\n' | '\t'), " ")
}

/// For people, over several lines: line breaks stay.
pub fn paragraph(text: &str) -> String {
    let lines = text.split('\n').map(line);
    lines.collect::<Vec<_>>().join("\n")
}

fn shown(text: &str, blank: impl Fn(char) -> bool, blank_as: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if blank(character) {
            out.push_str(blank_as);
        } else if acts(character) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

/// For programs: a JSON document whose texts hold no such character; it means the same.
pub fn json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for character in document.chars() {
        if acts(character) && character != '\n' {
            let _ = write!(out, "\\u{:04x}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_shown_as_its_code() {
        assert_eq!(line("red \u{1b}[31m\u{9b}m\r\u{7f}"), "red \\u{1b}[31m\\u{9b}m\\u{d}\\u{7f}");
        assert_eq!(line("abc\u{202e}fdp.exe"), "abc\\u{202e}fdp.exe");
        assert_eq!(line("two\nlines"), "two lines");
        assert_eq!(paragraph("two\nlines\u{8}"), "two\nlines\\u{8}");
        assert_eq!(line("香港海關 Zoll – ü"), "香港海關 Zoll – ü");
    }
}
