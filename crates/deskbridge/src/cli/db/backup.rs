//! `deskbridge db backup`.

use std::process::ExitCode;

use anyhow::Context as _;

use super::{FileArguments, told};
use crate::cli::{database, say, terminal::size};

pub(super) async fn run(arguments: &FileArguments) -> anyhow::Result<ExitCode> {
    let copy = &arguments.copy;
    let checked = database::open(&arguments.file).await?.backup(copy).await?;
    let bytes = copy.metadata().context("looking at the copy")?.len();
    say(format!(
        "{}: {}, {}. It was checked and is whole.",
        copy.display(),
        size(bytes),
        told(&checked)
    ))?;
    Ok(ExitCode::SUCCESS)
}
