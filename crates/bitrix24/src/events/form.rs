//! Forms as PHP writes them: `data[CALL_ID]=…&auth[domain]=…`.

use std::fmt;

/// The most fields that are read.
const FIELDS_MAX: usize = 2_000;
/// The most brackets after a name.
const DEPTH_MAX: usize = 16;

/// A posted form. Its values are not shown: they are tokens and people's numbers.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form(Vec<(Vec<String>, String)>);

/// Why a text is no form that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// More fields than any event has.
    #[error("the form has more than {FIELDS_MAX} fields")]
    TooManyFields,
    /// More brackets than any event has.
    #[error("a field of the form is nested more than {DEPTH_MAX} deep")]
    TooDeep,
}

impl Form {
    /// Reads `application/x-www-form-urlencoded`, brackets encoded or not. Bytes that are no UTF-8 become the
    /// replacement mark.
    ///
    /// # Errors
    /// When there is too much of it.
    pub fn parse(body: &[u8]) -> Result<Self, FormError> {
        let mut fields = Vec::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            if fields.len() == FIELDS_MAX {
                return Err(FormError::TooManyFields);
            }
            fields.push((path(&name)?, value.into_owned()));
        }
        Ok(Self(fields))
    }

    /// A value by its path, trimmed; `None` where it is absent or empty. Of several the last one counts, as in PHP.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        let mut fields = self.0.iter().rev();
        let (_, value) = fields.find(|(name, _)| name.iter().eq(path.iter()))?;
        let value = value.trim();
        (!value.is_empty()).then_some(value)
    }

    /// All paths with their values, in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (&[String], &str)> {
        let fields = self.0.iter();
        fields.map(|(path, value)| (path.as_slice(), value.as_str()))
    }
}

/// `data[FIELDS][ID]` as its parts. What is no bracket in its place belongs to the name.
fn path(name: &str) -> Result<Vec<String>, FormError> {
    let (base, mut rest) = match name.find('[') {
        Some(at) if at > 0 => name.split_at(at),
        _ => (name, ""),
    };
    let mut path = vec![base.to_owned()];
    while let Some((key, after)) = rest
        .strip_prefix('[')
        .and_then(|inside| inside.split_once(']'))
    {
        if path.len() > DEPTH_MAX {
            return Err(FormError::TooDeep);
        }
        path.push(key.to_owned());
        rest = after;
    }
    if path.len() == 1 {
        path = vec![name.to_owned()];
    }
    Ok(path)
}

/// Names the fields only.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form ")?;
        let names = self.0.iter().map(|(path, _)| path.join("."));
        f.debug_list().entries(names).finish()
    }
}
