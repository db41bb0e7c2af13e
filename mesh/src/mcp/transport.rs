//! The byte streams as rmcp wants them, with the ends that it leaves loose.
//!
//! rmcp reads and writes the messages. Added here: an answer to a line that is too
//! long, an end of the input on request, an end when nobody reads the output, and
//! patience with a client whose first message is no request.

use std::io;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ClientNotification, ClientRequest, ErrorData, JsonRpcMessage, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use crate::core::MAX_REQUEST_BYTES;

use super::lines::{Lines, OverLong};
use super::outbox::Outbox;
use super::shutdown::Shutdown;

/// A request and the end of its line, which may be two bytes long.
const MAX_LINE_BYTES: usize = MAX_REQUEST_BYTES + 2;

/// How long a shutdown waits for a client that does not read its answers.
const CLOSING_PATIENCE: Duration = Duration::from_secs(1);

/// One client at the other end of a pair of byte streams.
pub(super) struct Streams<R: AsyncRead + Unpin, W: AsyncWrite> {
    inner: AsyncRwTransport<RoleServer, Lines<R>, W>,
    over_long: UnboundedReceiver<OverLong>,
    refusals: JoinSet<()>,
    shutdown: Shutdown,
    outbox: Outbox,
    opened: bool,
}

impl<R, W> Streams<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    /// A transport that ends when the input does, or else when `shutdown` begins,
    /// which a failed write brings about.
    pub(super) fn new(reader: R, writer: W, shutdown: Shutdown, outbox: Outbox) -> Self {
        let (sender, over_long) = unbounded_channel();
        let lines = Lines::new(reader, MAX_LINE_BYTES, sender);
        let inner = AsyncRwTransport::new(lines, writer).with_max_line_length(MAX_LINE_BYTES);
        Self {
            inner,
            over_long,
            refusals: JoinSet::new(),
            shutdown,
            outbox,
            opened: false,
        }
    }

    /// Answers a line that was dropped. What has no id is no request, and must not be
    /// answered.
    fn refuse(&mut self, line: OverLong) {
        let Some(id) = line.id else { return };
        let message = format!(
            "the request has {} bytes; allowed are {MAX_REQUEST_BYTES} at most: send less at once",
            line.length
        );
        let error = ErrorData::invalid_request(message, None);
        // Spawned, since `receive` is dropped and called again whenever rmcp has
        // something else to do, and an answer must not be lost half-way.
        let sent = self.send(JsonRpcMessage::error(error, Some(id)));
        self.refusals.spawn(async move {
            if let Err(error) = sent.await {
                tracing::debug!(%error, "cannot refuse an over-long request");
            }
        });
    }

    fn refuse_all(&mut self) {
        while let Ok(line) = self.over_long.try_recv() {
            self.refuse(line);
        }
    }

    /// Before its first request a client has nothing to notify of or to answer, and
    /// rmcp ends the session if it does.
    fn is_premature(&mut self, message: &RxJsonRpcMessage<RoleServer>) -> bool {
        self.opened |= matches!(message, JsonRpcMessage::Request(_));
        !self.opened
    }
}

/// Tells the outbox of a call that came in, or was cancelled.
fn note(outbox: &Outbox, message: &RxJsonRpcMessage<RoleServer>) {
    match message {
        JsonRpcMessage::Request(request) => {
            if matches!(request.request, ClientRequest::CallToolRequest(_)) {
                outbox.received(&request.id);
            }
        }
        JsonRpcMessage::Notification(notification) => {
            if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                && let Some(id) = &cancelled.params.request_id
            {
                outbox.cancelled(id);
            }
        }
        _ => {}
    }
}

/// Which request a message answers.
fn answered(message: &TxJsonRpcMessage<RoleServer>) -> Option<RequestId> {
    match message {
        JsonRpcMessage::Response(response) => Some(response.id.clone()),
        JsonRpcMessage::Error(error) => error.id.clone(),
        _ => None,
    }
}

impl<R, W> Transport<RoleServer> for Streams<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let answered = answered(&message);
        let sent = self.inner.send(message);
        let (shutdown, outbox) = (self.shutdown.clone(), self.outbox.clone());
        async move {
            let sent = tokio::select! {
                sent = sent => sent,
                () = out_of_patience(&shutdown) => Err(io::ErrorKind::TimedOut.into()),
            };
            if let Some(id) = &answered {
                outbox.left(id, sent.is_ok());
            }
            sent.inspect_err(|_| {
                // Nobody reads the answers any more, so nobody waits for one.
                outbox.hang_up();
                shutdown.begin();
            })
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        let shutdown = self.shutdown.clone();
        loop {
            let message = tokio::select! {
                biased;
                () = shutdown.begun() => None,
                message = self.inner.receive() => {
                    if message.is_none() {
                        self.outbox.hang_up();
                    }
                    message
                }
                Some(line) = self.over_long.recv() => {
                    self.refuse(line);
                    continue;
                }
            };
            self.refuse_all();
            match message {
                Some(message) if self.is_premature(&message) => {}
                message => {
                    message
                        .iter()
                        .for_each(|message| note(&self.outbox, message));
                    return message;
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        // A client that stopped reading may hold a write up for ever.
        let closing = async {
            while self.refusals.join_next().await.is_some() {}
            self.inner.close().await
        };
        tokio::time::timeout(CLOSING_PATIENCE, closing).await?
    }
}

/// Returns a while after `shutdown` began.
async fn out_of_patience(shutdown: &Shutdown) {
    shutdown.begun().await;
    tokio::time::sleep(CLOSING_PATIENCE).await;
}
