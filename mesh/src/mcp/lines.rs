//! The input as lines, so that an over-long one gets an answer.
//!
//! The transport drops a line over its limit and says nothing to the client, which
//! then waits for ever. This reader watches the bytes go by, in constant memory, and
//! reports each over-long line with the id of its request, wherever in the line that
//! stands: some clients write it first, others last.

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rmcp::model::RequestId;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc::UnboundedSender;

/// A line that the transport drops.
#[derive(Debug, PartialEq)]
pub(super) struct OverLong {
    /// The request that it was, if it was one.
    pub(super) id: Option<RequestId>,
    /// Its length in bytes, with its end.
    pub(super) length: usize,
}

/// Passes bytes through and reports over-long lines. A last line without an end gets
/// one: nothing that was cut short is valid JSON, so only a whole request gains.
pub(super) struct Lines<R> {
    inner: R,
    limit: usize,
    length: usize,
    scanner: IdScanner,
    over_long: UnboundedSender<OverLong>,
    ended: bool,
}

impl<R> Lines<R> {
    /// Reports to `over_long` each line longer than `limit`, its end included.
    pub(super) fn new(inner: R, limit: usize, over_long: UnboundedSender<OverLong>) -> Self {
        let scanner = IdScanner::default();
        Self {
            inner,
            limit,
            length: 0,
            scanner,
            over_long,
            ended: false,
        }
    }

    fn watch(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.length += piece.len();
            self.scanner.feed(piece);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let length = mem::take(&mut self.length);
        let id = mem::take(&mut self.scanner).id;
        if length > self.limit {
            // An error means that the transport is gone, and with it who would answer.
            let _ = self.over_long.send(OverLong { id, length });
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Lines<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ended || buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.ended = buf.filled().len() == before;
        if self.ended && self.length > 0 {
            buf.put_slice(b"\n");
        }
        self.watch(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

/// Finds the `id` of a JSON-RPC request without holding the request.
///
/// It follows strings and nesting just closely enough to know the members of the
/// outermost object, and keeps at most one key or scalar of it. What is not JSON yields
/// no id or a wrong one, neither of which matters for a line that nobody can read.
#[derive(Debug, Default)]
struct IdScanner {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The key or scalar of the outermost object that is being read.
    token: Vec<u8>,
    /// Whether the member that is being read is the id.
    in_id: bool,
    id: Option<RequestId>,
}

impl IdScanner {
    /// More than any id that a client uses, so that a hostile one costs no memory.
    const LONGEST_TOKEN: usize = 512;

    fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.in_string {
                self.feed_string(byte);
            } else {
                self.feed_structure(byte);
            }
        }
    }

    fn feed_string(&mut self, byte: u8) {
        self.keep(byte);
        if self.escaped {
            self.escaped = false;
        } else if byte == b'\\' {
            self.escaped = true;
        } else if byte == b'"' {
            self.in_string = false;
        }
    }

    fn feed_structure(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.end_member();
                self.depth = self.depth.saturating_sub(1);
            }
            b',' => self.end_member(),
            b':' if self.depth == 1 => {
                self.in_id = self.token == b"\"id\"";
                self.token.clear();
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            other => {
                self.in_string = other == b'"';
                self.keep(other);
            }
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.token.len() < Self::LONGEST_TOKEN {
            self.token.push(byte);
        }
    }

    fn end_member(&mut self) {
        if self.depth == 1 {
            if mem::take(&mut self.in_id) {
                self.id = serde_json::from_slice(&self.token).ok();
            }
            self.token.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    /// Reads `input` in pieces of `piece` bytes, and reports lines over `limit`.
    async fn read(input: &str, piece: usize, limit: usize) -> (String, Vec<OverLong>) {
        let (sender, mut receiver) = unbounded_channel();
        let mut lines = Lines::new(input.as_bytes(), limit, sender);
        let mut output = Vec::new();
        let mut buffer = vec![0; piece];
        loop {
            let read = lines.read(&mut buffer).await.unwrap();
            if read == 0 {
                break;
            }
            output.extend_from_slice(&buffer[..read]);
        }
        let mut reports = Vec::new();
        while let Ok(report) = receiver.try_recv() {
            reports.push(report);
        }
        (String::from_utf8(output).unwrap(), reports)
    }

    fn number(id: i64) -> Option<RequestId> {
        Some(RequestId::Number(id))
    }

    #[tokio::test]
    async fn an_over_long_line_is_reported_with_its_id_wherever_that_stands() {
        let first = r#"{"jsonrpc":"2.0","id":7,"params":{"id":1,"x":["id",{"id":2}]}}"#;
        let last = r#"{"params":{"body":"\"id\":3,}]\\"},"method":"id" , "id" : 8 }"#;
        let text = r#"{"id":"seven","note":"id"}"#;
        let input = format!("{first}\n{last}\r\n{text}\n");
        for piece in [1, 3, 4096] {
            let (output, reports) = read(&input, piece, 20).await;
            assert_eq!(output, input, "the bytes pass unchanged");
            let ids: Vec<_> = reports.iter().map(|report| report.id.clone()).collect();
            let text_id = Some(RequestId::String("seven".into()));
            assert_eq!(ids, [number(7), number(8), text_id], "in pieces of {piece}");
            let lengths: Vec<_> = reports.iter().map(|report| report.length).collect();
            assert_eq!(lengths, [first.len() + 1, last.len() + 2, text.len() + 1]);
        }
    }

    #[tokio::test]
    async fn a_line_within_the_limit_is_not_reported() {
        let line = r#"{"id":1}"#;
        assert_eq!(read(&format!("{line}\n"), 16, line.len() + 1).await.1, []);
        assert_eq!(
            read(&format!("{line} \n"), 16, line.len() + 1)
                .await
                .1
                .len(),
            1
        );
    }

    #[tokio::test]
    async fn what_has_no_id_is_reported_without_one() {
        for line in [
            r#"{"method":"notifications/x","params":{"id":1}}"#,
            r#"[{"id":1},{"id":2}]"#,
            r#"{"id":{"id":1}}"#,
            r#"{"id":null}"#,
            "not json at all",
        ] {
            let (_, reports) = read(&format!("{line}\n"), 4096, 4).await;
            assert_eq!(
                reports,
                [OverLong {
                    id: None,
                    length: line.len() + 1
                }],
                "{line}"
            );
        }
    }

    #[tokio::test]
    async fn an_endless_id_costs_no_memory() {
        let (_, reports) = read(&format!("{{\"id\":\"{}\"}}\n", "x".repeat(10_000)), 4096, 4).await;
        assert_eq!(
            reports,
            [OverLong {
                id: None,
                length: 10_010
            }]
        );
    }

    #[tokio::test]
    async fn a_last_line_without_an_end_gets_one() {
        assert_eq!(read("{}\n{}", 16, 100).await.0, "{}\n{}\n");
        assert_eq!(read("{}\n", 16, 100).await.0, "{}\n");
        assert_eq!(read("", 16, 100).await.0, "");
    }
}
