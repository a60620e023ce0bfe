//! The rules by which the hub itself refuses an envelope, besides those of `domain::permission`. Their names travel in
//! signed acceptances and are listed in docs/rules.md.

/// The header cannot be parsed.
pub const HEADER_MALFORMED: &str = "header.malformed";
/// The header names another sender than the agency that submits it.
pub const SENDER_FORGED: &str = "sender.forged";
/// The hub has no directory that lists anybody.
pub const DIRECTORY_NONE: &str = "directory.none";
/// The directory does not list the agency.
pub const AGENCY_UNKNOWN: &str = "agency.unknown";
/// No signature is by a node key of the sender that is valid now.
pub const KEY_UNKNOWN: &str = "key.unknown";
/// A signature names a valid node key of the sender and was not made by it.
pub const SIGNATURE_INVALID: &str = "signature.invalid";
/// The sealed content is not the one that the header names.
pub const SEALED_DIGEST: &str = "sealed.digest";
/// No wrap was submitted for the recipient, so that there is nothing to deliver to it.
pub const WRAP_MISSING: &str = "wrap.missing";
/// So much waits for the recipient that the hub takes no more for it now. No decision about the message: its sender
/// keeps it and sends it again.
pub const RECIPIENT_FULL: &str = "recipient.full";
/// A wrap is for an agency that is no recipient, or there are two for one.
pub const WRAP_RECIPIENT: &str = "wrap.recipient";
