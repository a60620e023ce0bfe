//! Statements between nodes: which there are, whom each concerns, how ours are signed, and what is done with a peer's.

use bytes::Bytes;
use sealpost_crypto::dsse::{PayloadType, SignError, Signer, sign_statement};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::envelope::Signature;
use sealpost_domain::statement::{
    Heads, NeedWrap, Proof, ProofRequest, Receipt, Resend, Resume, Signed, Void,
};
use sealpost_wire::statement::Payload;

use super::witness::Told;
use super::{Core, Env, Error, Round};

/// A statement that one node signs for another.
pub(crate) trait Statement: Payload {
    /// The type under which it is signed.
    const TYPE: PayloadType;
    /// Who signs.
    fn from(&self) -> &AgencyId;
    /// For whom.
    fn to(&self) -> &AgencyId;
}

macro_rules! statement {
    ($name:ident, $from:ident, $to:ident) => {
        impl Statement for $name {
            const TYPE: PayloadType = PayloadType::$name;

            fn from(&self) -> &AgencyId {
                &self.$from
            }

            fn to(&self) -> &AgencyId {
                &self.$to
            }
        }
    };
}
statement!(Receipt, recipient, sender);
statement!(Heads, sender, recipient);
statement!(Void, sender, recipient);
statement!(Resend, recipient, sender);
statement!(NeedWrap, recipient, sender);
statement!(Resume, from, to);
statement!(ProofRequest, from, to);
statement!(Proof, from, to);

/// What a peer says, verified: its signature holds, and it is for this node.
pub enum Said {
    /// What it settled of ours.
    Receipt(Receipt),
    /// Where its links end.
    Heads(Heads),
    /// It filled a number.
    Void(Void),
    /// It misses numbers of ours.
    Resend(Resend),
    /// It cannot open wraps of ours.
    NeedWrap(NeedWrap),
    /// What it knows of our links, as we meet again.
    Resume(Resume),
    /// It demands a proof. Answered where the tree is, not here.
    ProofRequest(ProofRequest),
    /// It proves that its ledger only grew.
    Proof(Proof),
}

impl Said {
    /// Who says it.
    fn from(&self) -> &AgencyId {
        match self {
            Self::Receipt(said) => said.from(),
            Self::Heads(said) => said.from(),
            Self::Void(said) => said.from(),
            Self::Resend(said) => said.from(),
            Self::NeedWrap(said) => said.from(),
            Self::Resume(said) => said.from(),
            Self::ProofRequest(said) => said.from(),
            Self::Proof(said) => said.from(),
        }
    }
}

impl Core {
    /// Does what a peer's statement asks for.
    pub fn hear(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        statement: &Signed,
        said: &Said,
    ) -> Result<(), Error> {
        if !self.believes(said.from(), &statement.signatures, env.now) {
            self.no_longer_believed(env, round, said.from(), statement);
            return Ok(());
        }
        self.outbox.heard(said.from(), env.now);
        if let Some(told) = Told::of(said) {
            self.witness_told(env, round, statement, &told)?;
        }
        match said {
            Said::Receipt(receipt) => self.receipted(env, round, statement, receipt),
            Said::Heads(heads) => self.heads(env, round, statement, heads)?,
            Said::Void(void) => self.voided(env, round, statement, void)?,
            Said::Resend(resend) => self.resend(env, round, statement, resend),
            Said::NeedWrap(need) => self.need_wrap(need, env.now),
            Said::Resume(resume) => self.resumed(env, round, statement, resume)?,
            Said::Proof(proof) => self.proved(env, round, statement, proof)?,
            // Answered where the tree is.
            Said::ProofRequest(_) => {}
        }
        Ok(())
    }
}

impl Core {
    /// A statement of ours that is told again: under the present key, where the one that signed it is believed no more.
    pub(super) fn told_again<S: Statement>(&self, env: &Env<'_>, statement: Signed) -> Result<Signed, Error> {
        if self.believes(&self.me, &statement.signatures, env.now) {
            return Ok(statement);
        }
        let signature = sign_statement(env.signer, S::TYPE, &statement.payload)?;
        Ok(Signed { signatures: vec![signature_of(&signature)], ..statement })
    }
}

/// Signs a statement of this node.
pub(super) fn sign<S: Statement>(env: &Env<'_>, statement: &S) -> Result<Signed, Error> {
    Ok(sign_with(env.signer, statement)?)
}

/// Signs a statement of this node, outside of a round.
pub(crate) fn sign_with<S: Statement>(signer: &dyn Signer, statement: &S) -> Result<Signed, SignError> {
    let payload = statement.to_payload();
    let signature = sign_statement(signer, S::TYPE, &payload)?;
    Ok(Signed { payload, signatures: vec![signature_of(&signature)] })
}

pub(crate) fn signature_of(signature: &sealpost_crypto::dsse::Signature) -> Signature {
    Signature { key_id: signature.key_id, bytes: Bytes::copy_from_slice(&signature.bytes) }
}
