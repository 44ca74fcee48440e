//! How much memory a process took.

use std::{fs::File, io::Read as _};

use anyhow::Context as _;

/// The largest resident set of this process so far, in MiB.
pub(crate) fn peak_mib() -> anyhow::Result<f64> {
    status("self", "VmHWM:")
}

/// The largest resident set of a process so far, in MiB.
pub(crate) fn peak_mib_of(process: u32) -> anyhow::Result<f64> {
    status(&process.to_string(), "VmHWM:")
}

/// The resident set of a process, in MiB.
pub(crate) fn resident_mib_of(process: u32) -> anyhow::Result<f64> {
    status(&process.to_string(), "VmRSS:")
}

fn status(process: &str, field: &str) -> anyhow::Result<f64> {
    let mut status = String::new();
    File::open(format!("/proc/{process}/status"))
        .and_then(|file| file.take(1 << 16).read_to_string(&mut status))
        .context("reading the status of a process")?;
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_suffix("kB"));
    let kib: f64 = value
        .with_context(|| format!("the kernel does not say {field}"))?
        .trim()
        .parse()
        .context("the size is no number")?;
    Ok(kib / 1024.0)
}
