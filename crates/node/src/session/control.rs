//! What nodes say to each other through the hub. Nothing arrives for certain: whoever needs it repeats it.

use sealpost_domain::message::Priority;
use sealpost_domain::statement::ProofRequest;
use sealpost_proto::v1 as pb;
use sealpost_wire::hub::{Control, control, control_message};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::warn;

use super::connection::Wire;
use super::pauses::Pauses;
use super::{Ended, Session};
use crate::core::Said;
use crate::engine::Input;
use crate::verify::statements;

/// Frames on their way to the transport.
const FRAMES: usize = 16;

/// Speaks and hears until the connection ends. A hub that takes no more statements for now is given the time that it asks
/// for: the mail on the same connection, which is FLASH, has nothing to do with it.
pub(super) async fn run(session: &Session, wire: &Wire) -> Result<(), Ended> {
    let mut pauses = Pauses::new(session, "Control");
    while let Err(ended) = speak(session, wire, &mut pauses).await {
        pauses.sit_out(ended).await?;
    }
    Ok(())
}

/// Speaks and hears until the stream ends.
async fn speak(session: &Session, wire: &Wire, pauses: &mut Pauses) -> Result<(), Ended> {
    let mut outgoing = session.outgoing.lock().await;
    let (frames, stream) = mpsc::channel(FRAMES);
    let mut client = wire.client();
    let answered = client.control(ReceiverStream::new(stream)).await;
    let mut incoming = answered.map_err(|status| wire.failed(status))?.into_inner();
    let me = session.shared.agency();
    let mut answers = session.prover.answers();
    let gone = |_| Ended::Protocol("Control takes no more frames".to_owned());
    loop {
        tokio::select! {
            biased;
            said = outgoing.recv() => {
                let said = said.ok_or(Ended::Stopping)?;
                let frame =
                    Control { from: me.clone(), to: said.to, kind: said.kind, statement: said.statement };
                frames.send(control_message(&frame)).await.map_err(gone)?;
            }
            Some(answer) = answers.next() => {
                frames.send(control_message(&answer)).await.map_err(gone)?;
            }
            frame = incoming.message() => match frame.map_err(|status| wire.failed(status))? {
                Some(frame) => {
                    pauses.over();
                    if let Some(request) = hear(session, frame).await? {
                        answers.begin(request);
                    }
                }
                None => return Err(Ended::Protocol("Control ended".to_owned())),
            },
        }
    }
}

/// Hands on what a peer says; a demand for a proof is given back. What cannot be read is passed over, as what is not believed.
async fn hear(session: &Session, message: pb::ControlFrame) -> Result<Option<ProofRequest>, Ended> {
    let frame = match control(message) {
        Ok(frame) => frame,
        Err(error) => {
            warn!(%error, "a statement cannot be read");
            return Ok(None);
        }
    };
    let Some(directory) = session.shared.directory.borrow().clone() else { return Ok(None) };
    let (me, now) = (session.shared.agency(), session.shared.now());
    let (said, frame) = session
        .pool
        .run(Priority::Routine, move |_| (statements::control(&frame, &me, &directory, now), frame))
        .await?;
    match said {
        Ok(Said::ProofRequest(request)) => Ok(Some(request)),
        Ok(said) => {
            let input = Input::Said { statement: frame.statement, said };
            session.engine.ordinary().send(input).await.map_err(|_| Ended::Stopping)?;
            Ok(None)
        }
        Err(fault) => {
            warn!(rule = %fault.rule(), from = %frame.from, kind = ?frame.kind, %fault, "a statement is not believed");
            Ok(None)
        }
    }
}
