//! One block of the wire: headers in their order, whatever they hold.

mod escape;
mod index;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;

pub use self::escape::unescape;
use self::index::Index;

/// One block: an event, a response, or what a broken value made of one.
///
/// Nothing of it is dropped: headers keep their order and their repetitions, values their bytes, and
/// [`as_bytes`](Message::as_bytes) has what came. Names are compared without case, because Asterisk spells one name
/// in several ways. Cheap to clone.
#[derive(Clone)]
pub struct Message(Arc<Block>);

struct Block {
    bytes: Bytes,
    index: Index,
}

/// A header as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name, in Asterisk's spelling.
    pub name: &'a [u8],
    /// The value, without the one space that follows the colon.
    pub value: &'a [u8],
}

impl Message {
    /// Reads a block, which never fails: a line without a colon is no header, and remains in
    /// [`as_bytes`](Message::as_bytes).
    ///
    /// Lines end with CR LF if the block has any, so a value may hold line feeds, as one from the dialplan can; a block
    /// without CR LF is read by its line feeds.
    pub fn parse(block: Bytes) -> Self {
        let index = Index::of(&block);
        Self(Arc::new(Block {
            bytes: block,
            index,
        }))
    }

    /// The block as it came, without the empty line that ended it.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    /// Every header, in order.
    pub fn headers(&self) -> impl DoubleEndedIterator<Item = Header<'_>> + ExactSizeIterator {
        let bytes = &self.0.bytes;
        let spans = self.0.index.spans.iter();
        spans.map(move |span| Header {
            name: span.name(bytes),
            value: span.value(bytes),
        })
    }

    /// The value of the first header of a name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The values of every header of a name, in order.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.prefixed("", name)
    }

    /// The values of every header whose name is a prefix and a rest, as `Dest` and `Uniqueid`.
    pub(crate) fn prefixed<'a>(
        &'a self,
        prefix: &str,
        rest: &str,
    ) -> impl Iterator<Item = &'a [u8]> {
        let bytes = &self.0.bytes[..];
        let spans = self.0.index.spans.iter();
        spans.filter_map(move |span| {
            if span.name_bytes() != prefix.len() + rest.len() {
                return None;
            }
            let (front, back) = span.name(bytes).split_at_checked(prefix.len())?;
            let is_it = front.eq_ignore_ascii_case(prefix.as_bytes())
                && back.eq_ignore_ascii_case(rest.as_bytes());
            is_it.then(|| span.value(bytes))
        })
    }

    /// The value of the first header of a name as text; what is no UTF-8 (Asterisk 16 passes other encodings through,
    /// and cuts letters) is replaced.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(String::from_utf8_lossy)
    }

    /// As [`text`](Message::text), without what stands for nothing: an empty value, `<unknown>`, `(null)`, `none`.
    pub fn known(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).and_then(known)
    }

    /// As [`text`](Message::text), for the values that Asterisk escapes: names of callers and connected lines in
    /// channel events, and the value of `VarSet`.
    pub fn unescaped(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(unescaped)
    }

    /// The name of the event, if this is one. Only a block that begins with the header `Event` is: what a value with
    /// line ends in it made of the rest of its block is not.
    pub fn event(&self) -> Option<&str> {
        self.opening("Event")
    }

    /// What the response says, if this is one: `Success`, `Error`, `Goodbye`, `Follows`.
    pub fn response(&self) -> Option<&str> {
        self.opening("Response")
    }

    /// The id of the action that this answers or belongs to.
    pub fn action_id(&self) -> Option<&[u8]> {
        self.get("ActionID")
    }

    /// The lines that a command wrote, in both forms: as headers `Output`, and before Asterisk 14 as bare text after
    /// `Response: Follows`.
    pub fn output(&self) -> impl Iterator<Item = &[u8]> {
        let follows = self.0.index.output(&self.0.bytes);
        self.all("Output").chain(follows)
    }

    fn opening(&self, name: &str) -> Option<&str> {
        let first = self.headers().next()?;
        let is_it = first.name.eq_ignore_ascii_case(name.as_bytes());
        let value = is_it.then_some(first.value)?;
        std::str::from_utf8(value).ok()
    }
}

pub(crate) fn known(value: &[u8]) -> Option<Cow<'_, str>> {
    let stands_for_nothing = matches!(value, b"" | b"<unknown>" | b"(null)" | b"none");
    (!stands_for_nothing).then(|| String::from_utf8_lossy(value))
}

pub(crate) fn unescaped(value: &[u8]) -> Cow<'_, str> {
    match unescape(value) {
        Cow::Borrowed(value) => String::from_utf8_lossy(value),
        Cow::Owned(value) => Cow::Owned(String::from_utf8_lossy(&value).into_owned()),
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for Message {}

impl fmt::Debug for Message {
    /// What it is, without the numbers and names of people that it holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (self.event(), self.response()) {
            (Some(event), _) => ("Event", event),
            (None, Some(response)) => ("Response", response),
            (None, None) => ("neither event nor response", ""),
        };
        f.debug_struct("Message")
            .field(kind.0, &kind.1)
            .field("headers", &self.headers().len())
            .finish_non_exhaustive()
    }
}
