//! `recordings`: where they are, and what is done to them.

use serde::Deserialize;

use super::{filled, problem::Checks, templates::Template};

/// Recordings, as configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingsSource {
    /// Whether they are attached to calls.
    pub attach: bool,
    /// Whether those of missed calls are, too.
    pub attach_missed: bool,
    /// The folders that recordings may be in. Nothing else is ever opened.
    pub folders: Vec<FolderSource>,
    /// The path of a recording on the PBX where it is not the one that the PBX tells; `{{ path }}` is that one.
    pub path: Option<String>,
    /// A command that converts a file, as its words; `{in}` and `{out}` are the files. Without it only wav and mp3 are
    /// attached.
    pub convert: Vec<String>,
    /// How long it is waited for a file that is not there or still grows.
    pub wait_s: u32,
    /// Whether what is told as the address of a recording is attached by it. A PBX tells paths only.
    pub links: bool,
}

impl Default for RecordingsSource {
    fn default() -> Self {
        Self {
            attach: true,
            attach_missed: false,
            folders: Vec::new(),
            path: None,
            convert: Vec::new(),
            wait_s: 300,
            links: false,
        }
    }
}

/// A folder of recordings, as configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderSource {
    /// Where it is on the PBX.
    pub on_pbx: String,
    /// Where it is on this machine; by default in the same place.
    pub here: Option<String>,
}

/// Recordings.
#[derive(Clone, Debug)]
pub struct Recordings {
    /// See [`RecordingsSource::attach`].
    pub attach: bool,
    /// See [`RecordingsSource::attach_missed`].
    pub attach_missed: bool,
    /// See [`RecordingsSource::folders`].
    pub folders: Vec<Folder>,
    /// See [`RecordingsSource::path`].
    pub path: Option<Template>,
    /// See [`RecordingsSource::convert`].
    pub convert: Vec<String>,
    /// See [`RecordingsSource::wait_s`].
    pub wait_s: u32,
    /// See [`RecordingsSource::links`].
    pub links: bool,
}

/// A folder of recordings: absolute, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where it is on the PBX.
    pub on_pbx: String,
    /// Where it is on this machine.
    pub here: String,
}

impl RecordingsSource {
    pub(super) fn compile(self, checks: &mut Checks) -> Recordings {
        let mut folders = Vec::new();
        for (index, folder) in self.folders.into_iter().enumerate() {
            let mut path = |name: &str, path: &str| {
                let path = path.trim();
                let is_plain = path.starts_with('/')
                    && path.split('/').all(|part| part != "." && part != "..")
                    && !path.trim_end_matches('/').is_empty();
                if !is_plain {
                    let wrong = format!("`{path}` is no folder that recordings may be confined to");
                    let remedy = "write it from / on, without . and .., and not / itself";
                    checks.add(format!("recordings.folders[{index}].{name}"), wrong, remedy);
                }
                path.trim_end_matches('/').to_owned()
            };
            let on_pbx = path("on_pbx", &folder.on_pbx);
            let here = folder.here.as_deref().and_then(filled);
            let here = here.map_or_else(|| on_pbx.clone(), |here| path("here", &here));
            folders.push(Folder { on_pbx, here });
        }
        if !self.convert.is_empty() {
            for place in ["{in}", "{out}"] {
                if !self.convert.iter().any(|word| word.contains(place)) {
                    let wrong = format!("names no {place}");
                    let remedy = "write where the command finds the files, such as [\"lame\", \"{in}\", \"{out}\"]";
                    checks.add("recordings.convert", wrong, remedy);
                }
            }
        }
        let path = self.path.as_deref().and_then(filled);
        Recordings {
            attach: self.attach,
            attach_missed: self.attach_missed,
            folders,
            path: path.map(|path| Template::compile("recordings.path", &path, checks)),
            convert: self.convert,
            wait_s: self.wait_s,
            links: self.links,
        }
    }
}
