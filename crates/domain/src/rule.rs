//! The names of all rules by which something is refused, quarantined, erased or recorded as a security matter: one list, which
//! docs/rules.md explains row by row.
//!
//! They are stable: they travel in signed statements and lie in ledgers. What a peer names is text, since a later
//! version may know more of them.

use crate::names::named;

named! {
    /// A rule that decided.
    pub enum Rule: "rule" {
        /// The caller is of another agency.
        CallerAgency = "caller.agency",
        /// The caller's role does not suffice.
        CallerRole = "caller.role",
        /// A draft breaks the form of messages.
        MessageMalformed = "message.malformed",
        /// A message is too large.
        MessageTooLarge = "message.too_large",
        /// An idempotency key names an earlier message with another content.
        IdempotencyOtherContent = "idempotency.other_content",
        /// The last day on which a message may be kept is over when it is sent or arrives.
        RetentionOver = "retention.over",
        /// The retention of what was erased is over.
        ErasureRetention = "erasure.retention",
        /// Somebody ordered that it be erased.
        ErasureOrdered = "erasure.ordered",
        /// Officers' approvals are missing.
        ApprovalMissing = "approval.missing",
        /// An approval is not of this message, or not by an officer of the sender.
        ApprovalInvalid = "approval.invalid",
        /// A message that is released has the id of another one.
        MessageIdUsed = "message.id_used",
        /// A message about another one does not name it.
        AnswerUnnamed = "answer.unnamed",
        /// A message about another agency's message says what only its originator may say.
        AnswerNotOriginator = "answer.not_originator",
        /// A message is about one that its sender never sent.
        AnswerUnknown = "answer.unknown",
        /// An answer to a recall or amendment that was not asked for.
        AnswerNotAsked = "answer.not_asked",
        /// An amendment or recall of a message that is not changed in that way.
        AnswerNotChangeable = "answer.not_changeable",
        /// An amendment puts a message of another kind in the place of the earlier one.
        AnswerOtherKind = "answer.other_kind",
        /// An enclosed message, or the permission with it, is not proven.
        ForwardUnproven = "forward.unproven",
        /// What is enclosed is of a kind that is not forwarded.
        ForwardKind = "forward.kind",
        /// What is enclosed was recalled.
        ForwardRecalled = "forward.recalled",
        /// A forward is of another category than what it encloses.
        ForwardCategory = "forward.category",
        /// A forward is less restricted than what it encloses.
        ForwardFreer = "forward.freer",
        /// A forward is kept longer than what it encloses.
        ForwardRetention = "forward.retention",
        /// A forward needs a permission that does not travel with it.
        ForwardNoGrant = "forward.no_grant",
        /// A permission is not its originator's.
        GrantNotOriginator = "grant.not_originator",
        /// A permission refuses.
        GrantRefused = "grant.refused",
        /// A permission is about another message.
        GrantOtherMessage = "grant.other_message",
        /// A permission was given to somebody else.
        GrantOtherHolder = "grant.other_holder",
        /// A permission does not name the new recipient.
        GrantOtherRecipient = "grant.other_recipient",
        /// A permission is for another purpose.
        GrantOtherPurpose = "grant.other_purpose",
        /// A permission is over.
        GrantEnded = "grant.ended",
        /// A permission was recalled.
        GrantRecalled = "grant.recalled",
        /// A recipient has no valid sealing key.
        KeyNoSealingKey = "key.no_sealing_key",
        /// The directory does not list the agency.
        AgencyUnknown = "agency.unknown",
        /// The sender is among the recipients.
        AgencyItself = "agency.itself",
        /// No agreement is between both agencies.
        AgreementNone = "agreement.none",
        /// The agreement that is cited is not known.
        AgreementUnknown = "agreement.unknown",
        /// The agreements do not cover the category.
        AgreementCategory = "agreement.category",
        /// They do not cover the mode of sharing.
        AgreementMode = "agreement.mode",
        /// They do not cover the label or a handling code.
        AgreementHandling = "agreement.handling",
        /// They do not cover the retention.
        AgreementRetention = "agreement.retention",
        /// The directory does not list the operation.
        OperationUnknown = "operation.unknown",
        /// The operation has not begun or is over.
        OperationNotRunning = "operation.not_running",
        /// An agency is no member of the operation.
        OperationNotAMember = "operation.not_a_member",
        /// A delivery cannot be parsed.
        DeliveryMalformed = "delivery.malformed",
        /// A header cannot be parsed.
        HeaderMalformed = "header.malformed",
        /// No signature is by a listed key that is valid.
        KeyUnknown = "key.unknown",
        /// A listed key is named, and did not make the signature.
        SignatureInvalid = "signature.invalid",
        /// A header or statement names another sender than the one that signed or submitted it.
        SenderForged = "sender.forged",
        /// The sealed content is not the one that the header names.
        SealedDigest = "sealed.digest",
        /// A header does not name this agency.
        RecipientNotNamed = "recipient.not_named",
        /// An envelope came in the stream of another priority.
        LaneWrong = "lane.wrong",
        /// A wrap is for somebody else, or a second one.
        WrapRecipient = "wrap.recipient",
        /// A wrap does not open.
        WrapUnopened = "wrap.unopened",
        /// A wrap names another position than the header commits to.
        LinkCommitment = "link.commitment",
        /// A number lies too far beyond the last contiguous one.
        LinkTooFarAhead = "link.too_far_ahead",
        /// Two headers have one number.
        LinkEquivocation = "link.equivocation",
        /// A header names another predecessor.
        LinkBrokenChain = "link.broken_chain",
        /// A sender began too many links.
        LinkTooMany = "link.too_many",
        /// Numbers of a link are missing, and do not come though they are asked for.
        LinkMissing = "link.missing",
        /// A number that its sender filled without a message came all the same.
        LinkVoidDelivered = "link.void_delivered",
        /// A sender fell silent in the middle of a burst.
        HeadsMissing = "heads.missing",
        /// A recipient sends no receipt.
        ReceiptMissing = "receipt.missing",
        /// The hub promised to deliver a message, and its recipient says that it did not come.
        HubUndelivered = "hub.undelivered",
        /// The hub's journal is an older copy of itself.
        HubRolledBack = "hub.rolled_back",
        /// A peer's ledger has less than it receipted.
        PeerLostRecords = "peer.lost_records",
        /// This ledger is an older copy of itself: a peer showed a later message of its own.
        LedgerRolledBack = "ledger.rolled_back",
        /// A peer claims to have more of ours than was sent, and does not show it.
        ResumeAhead = "resume.ahead",
        /// A peer has another header than the one that was sent.
        ResumeOtherChain = "resume.other_chain",
        /// A content key is not the one that the header commits to.
        KeyCommitment = "key.commitment",
        /// The content does not open with its key.
        SealedUnopened = "sealed.unopened",
        /// What was opened is no content.
        ContentMalformed = "content.malformed",
        /// An alert breaks a rule.
        AlertMalformed = "alert.malformed",
        /// A header names another content.
        PlaintextDigest = "plaintext.digest",
        /// A header names other approvals.
        ApprovalDigest = "approval.digest",
        /// An alert is of another kind or handling than its header.
        AlertContradictsHeader = "alert.contradicts_header",
        /// A statement cannot be parsed.
        StatementMalformed = "statement.malformed",
        /// A statement is for another agency.
        StatementMisrouted = "statement.misrouted",
        /// The hub's promise is about another batch.
        AcceptedOtherBatch = "accepted.other_batch",
        /// A receipt settles numbers that were never given out.
        ReceiptAhead = "receipt.ahead",
        /// A receipt names a header that was not sent.
        ReceiptOtherChain = "receipt.other_chain",
        /// What a peer tells as its checkpoint is none.
        CheckpointInvalid = "checkpoint.invalid",
        /// A peer signed two checkpoints of one size.
        CheckpointFork = "checkpoint.fork",
        /// A peer's ledger is shorter than it said before.
        CheckpointRollback = "checkpoint.rollback",
        /// A peer's later checkpoint does not continue the earlier one.
        CheckpointInconsistent = "checkpoint.inconsistent",
        /// A peer does not prove that its ledger only grew.
        CheckpointUnproven = "checkpoint.unproven",
        /// A peer tells of too many lives of its ledger.
        CheckpointTooMany = "checkpoint.too_many",
        /// A peer tells a checkpoint of ours as cosigned that it is not.
        CheckpointCosignature = "checkpoint.cosignature",
        /// The hub shows, or a peer has, another directory than ours in its place.
        DirectoryFork = "directory.fork",
        /// The hub shows an older directory than the one that is installed.
        DirectoryRollback = "directory.rollback",
        /// The directory is no longer valid, and no later one came.
        DirectoryStale = "directory.stale",
        /// A peer has a later directory, which does not come here.
        DirectoryWithheld = "directory.withheld",
        /// Somebody was refused at the door, or where the hub should be.
        PeerRefused = "peer.refused",
        /// A window closed before the receipt came.
        MessageOverdue = "message.overdue",
        /// Bytes are not a directory.
        DirectoryMalformed = "directory.malformed",
        /// The authority did not sign as it must.
        DirectoryAuthority = "directory.authority",
        /// A version is not the successor of the one before.
        DirectoryChain = "directory.chain",
        /// A revocation is missing or listed twice.
        DirectoryRevocation = "directory.revocation",
        /// One key is listed twice.
        DirectoryKeyTwice = "directory.key_twice",
        /// A root is not an authority's certificate.
        DirectoryRoot = "directory.root",
        /// A key of the hub is not usable.
        DirectoryHubKey = "directory.hub_key",
        /// An agency is listed without its jurisdiction.
        DirectoryJurisdiction = "directory.jurisdiction",
        /// A signing key is not as it must be.
        DirectorySigningKey = "directory.signing_key",
        /// A sealing key is not as it must be.
        DirectorySealingKey = "directory.sealing_key",
        /// An agreement is not as it must be.
        DirectoryAgreement = "directory.agreement",
        /// An operation is not as it must be.
        DirectoryOperation = "directory.operation",
        /// No wrap was submitted for a recipient: a hub does not deliver to it, which decides nothing.
        WrapMissing = "wrap.missing",
        /// So much waits for a recipient that the hub takes no more now, which decides nothing.
        RecipientFull = "recipient.full",
        /// So much of the sender's own mail waits at the hub that it takes no more for this recipient now, which decides
        /// nothing.
        SenderFull = "sender.full",
        /// The hub has no directory.
        DirectoryNone = "directory.none",
    }
}

impl Rule {
    /// Whether a hub that names this rule says something of the moment alone: the message is kept, and sent to that
    /// recipient again. A key that is not believed is of the moment too: under the next one the same header is signed
    /// again. A name that is not known decides.
    pub fn decides_nothing(name: &str) -> bool {
        Self::is_full(name) || [Self::WrapMissing, Self::KeyUnknown].iter().any(|rule| rule == name)
    }

    /// Whether a hub that names this rule has no room now, and soon may have.
    pub fn is_full(name: &str) -> bool {
        [Self::RecipientFull, Self::SenderFull].iter().any(|rule| rule == name)
    }
}

impl PartialEq<str> for Rule {
    fn eq(&self, name: &str) -> bool {
        self.as_str() == name
    }
}

impl PartialEq<&str> for Rule {
    fn eq(&self, name: &&str) -> bool {
        self.as_str() == *name
    }
}
