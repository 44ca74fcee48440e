//! What is said between the program and the processes in which scripts run.
//!
//! A frame is its length in four bytes, lowest first, one byte that says what it is, and the rest.

use std::io::{self, Read, Write};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::super::{ANSWER_BYTES_MAX, Failure};

/// Bytes of an order, at most: an input is what is known of one call or record.
const ORDER_BYTES_MAX: usize = 32 << 20;
/// Bytes of a reply, at most.
const REPLY_BYTES_MAX: usize = ANSWER_BYTES_MAX + 1;

/// What a process is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Compile a script and keep it under this number.
    Keep { script: u64, source: String },
    /// Call a script that is kept.
    Call {
        script: u64,
        now_ms: i64,
        within_ms: u32,
        input: Vec<u8>,
    },
}

const KEEP: u8 = 0;
const CALL: u8 = 1;

/// What it replies: an answer, which is empty for a script that is kept, or why there is none.
pub(super) type Reply = Result<Vec<u8>, Failure>;

const ANSWERED: u8 = 0;
const CRASHED: u8 = 1;
const SCRIPT: u8 = 2;
const TOO_MUCH: u8 = 3;
const TIMED_OUT: u8 = 4;

impl Order {
    pub(super) fn to_frame(&self) -> Vec<u8> {
        match self {
            Self::Keep { script, source } => {
                frame(KEEP, &[&script.to_le_bytes(), source.as_bytes()])
            }
            Self::Call {
                script,
                now_ms,
                within_ms,
                input,
            } => {
                let head = [&script.to_le_bytes()[..], &now_ms.to_le_bytes()[..]];
                frame(CALL, &[head[0], head[1], &within_ms.to_le_bytes(), input])
            }
        }
    }

    /// Reads an order; `None` when there will be no more.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut length = [0; 4];
        match from.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let mut bytes = vec![0; bounded(length, ORDER_BYTES_MAX)?];
        from.read_exact(&mut bytes)?;
        Self::of(&bytes).map(Some).ok_or_else(unreadable)
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (script, rest) = rest.split_first_chunk()?;
        let script = u64::from_le_bytes(*script);
        match *kind {
            KEEP => {
                let source = String::from_utf8(rest.to_vec()).ok()?;
                Some(Self::Keep { script, source })
            }
            CALL => {
                let (now_ms, rest) = rest.split_first_chunk()?;
                let (within_ms, input) = rest.split_first_chunk()?;
                Some(Self::Call {
                    script,
                    now_ms: i64::from_le_bytes(*now_ms),
                    within_ms: u32::from_le_bytes(*within_ms),
                    input: input.to_vec(),
                })
            }
            _ => None,
        }
    }
}

pub(super) fn write_reply(to: &mut impl Write, reply: &Reply) -> io::Result<()> {
    let (kind, rest) = match reply {
        Ok(answer) => (ANSWERED, answer.as_slice()),
        Err(Failure::Script(why)) => (SCRIPT, why.as_bytes()),
        Err(Failure::TooMuch) => (TOO_MUCH, &[][..]),
        Err(Failure::TimedOut) => (TIMED_OUT, &[][..]),
        Err(Failure::Crashed(why)) => (CRASHED, why.as_bytes()),
        Err(Failure::Busy | Failure::Start(_) | Failure::Unreached(_) | Failure::Status(_)) => {
            (CRASHED, &b"the engine could not be used"[..])
        }
    };
    to.write_all(&frame(kind, &[rest]))
}

/// Reads a reply. What a process says is believed no further than what a script says.
pub(super) async fn read_reply(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Reply> {
    let mut length = [0; 4];
    from.read_exact(&mut length).await?;
    let mut bytes = vec![0; bounded(length, REPLY_BYTES_MAX)?];
    from.read_exact(&mut bytes).await?;
    let (kind, rest) = bytes.split_first().ok_or_else(unreadable)?;
    let why = || super::super::said(&String::from_utf8_lossy(rest));
    Ok(match *kind {
        ANSWERED => Ok(rest.to_vec()),
        CRASHED => Err(Failure::Crashed(why())),
        SCRIPT => Err(Failure::Script(why())),
        TOO_MUCH => Err(Failure::TooMuch),
        TIMED_OUT => Err(Failure::TimedOut),
        _ => return Err(unreadable()),
    })
}

fn frame(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
    // What is sent is far below, and what is read is held against its own bound.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    let mut frame = length.to_le_bytes().to_vec();
    frame.push(kind);
    for part in parts {
        frame.extend_from_slice(part);
    }
    frame
}

fn bounded(length: [u8; 4], bytes_max: usize) -> io::Result<usize> {
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    match length <= bytes_max {
        true => Ok(length),
        false => Err(unreadable()),
    }
}

fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the frame cannot be read")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn orders() -> impl Strategy<Value = Order> {
        let keep = (any::<u64>(), ".*").prop_map(|(script, source)| Order::Keep { script, source });
        let call = (any::<u64>(), any::<i64>(), any::<u32>(), any::<Vec<u8>>());
        let call = call.prop_map(|(script, now_ms, within_ms, input)| Order::Call {
            script,
            now_ms,
            within_ms,
            input,
        });
        prop_oneof![keep, call]
    }

    proptest! {
        #[test]
        fn an_order_arrives_as_it_was_given(order in orders()) {
            let frame = order.to_frame();
            prop_assert_eq!(Order::read(&mut frame.as_slice()).unwrap(), Some(order));
        }

        #[test]
        fn no_bytes_are_too_odd_to_be_refused(bytes: Vec<u8>) {
            drop(Order::read(&mut bytes.as_slice()));
            let mut rest = bytes.as_slice();
            let read = futures(read_reply(&mut rest));
            drop(read);
        }
    }

    fn futures<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn a_reply_arrives_as_it_was_given() {
        let mut bytes = Vec::new();
        write_reply(&mut bytes, &Ok(b"{}".to_vec())).unwrap();
        write_reply(&mut bytes, &Err(Failure::TooMuch)).unwrap();
        write_reply(&mut bytes, &Err(Failure::Script("no\nway".to_owned()))).unwrap();
        let mut rest = bytes.as_slice();
        let mut next = || futures(read_reply(&mut rest)).unwrap();
        assert_eq!(next().unwrap(), b"{}");
        assert!(matches!(next(), Err(Failure::TooMuch)));
        assert_eq!(next().unwrap_err().to_string(), "no\nway");
    }
}
