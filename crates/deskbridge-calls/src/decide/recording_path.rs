//! Where a recording is: confined to the configured folders before anything is opened.
//!
//! This looks at the path only. That no link in a folder leads out of it is seen to where the file is opened.

use crate::settings::recordings::Folder;

/// Bytes of a path.
const PATH_BYTES_MAX: usize = 1_024;

/// Why a path is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No folders are configured.
    #[error("no folder is configured; name those of recordings in recordings.folders")]
    NoFolders,
    /// It is no path.
    #[error("the path of a recording is empty, too long or has characters that no path has")]
    NoPath,
    /// It has `..` in it.
    #[error("the path of a recording leads upwards")]
    Upwards,
    /// It is elsewhere.
    #[error("a recording is in none of the folders; name its folder in recordings.folders")]
    Elsewhere,
}

/// The path on this machine of a file on the PBX. A relative path is in the first folder: the PBX has it so.
///
/// # Errors
/// When the path does not lead into a folder.
pub fn confined(path: &str, folders: &[Folder]) -> Result<String, Refused> {
    let first = folders.first().ok_or(Refused::NoFolders)?;
    let path = path.trim();
    if path.is_empty() || path.len() > PATH_BYTES_MAX || path.chars().any(char::is_control) {
        return Err(Refused::NoPath);
    }
    if path.split('/').any(|part| part == "..") {
        return Err(Refused::Upwards);
    }
    let path = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{}/{path}", first.on_pbx),
    };
    let parts = parts(&path);
    // Of nested folders the inner one: it may be elsewhere on this machine.
    let inside = folders.iter().filter_map(|folder| {
        let of_folder = self::parts(&folder.on_pbx);
        let rest = parts.strip_prefix(of_folder.as_slice())?;
        (!rest.is_empty()).then_some((of_folder.len(), folder, rest))
    });
    let (_, folder, rest) = inside
        .max_by_key(|(length, ..)| *length)
        .ok_or(Refused::Elsewhere)?;
    Ok(format!("{}/{}", folder.here, rest.join("/")))
}

/// The address of a recording that is none of a file; `None` where it is nothing that could be followed.
pub fn link(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > PATH_BYTES_MAX || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let url = url::Url::parse(text).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.has_host();
    (matches!(url.scheme(), "http" | "https") && is_plain).then(|| text.to_owned())
}

/// The parts of a path, without those that mean nothing.
fn parts(path: &str) -> Vec<&str> {
    let parts = path.split('/');
    parts
        .filter(|part| !part.is_empty() && *part != ".")
        .collect()
}

#[cfg(test)]
mod tests;
