//! How much memory and processor time a process took.

use std::{fs::File, io::Read as _};

use anyhow::Context as _;

/// The largest resident set of this process so far, in MiB.
///
/// # Errors
/// When the kernel does not say.
pub fn peak_mib() -> anyhow::Result<f64> {
    status("self", "VmHWM:")
}

/// The largest resident set of a process so far, in MiB.
///
/// # Errors
/// When the kernel does not say.
pub fn peak_mib_of(process: u32) -> anyhow::Result<f64> {
    status(&process.to_string(), "VmHWM:")
}

/// The resident set of a process, in MiB.
///
/// # Errors
/// When the kernel does not say.
pub fn resident_mib_of(process: u32) -> anyhow::Result<f64> {
    status(&process.to_string(), "VmRSS:")
}

/// The processor time of a process so far, in seconds.
///
/// # Errors
/// When the kernel does not say.
pub fn processor_seconds_of(process: u32) -> anyhow::Result<f64> {
    /// What the kernel counts in, on every Linux that Rust runs on.
    const TICKS_PER_SECOND: f64 = 100.0;
    let mut stat = String::new();
    File::open(format!("/proc/{process}/stat"))
        .and_then(|file| file.take(1 << 12).read_to_string(&mut stat))
        .context("reading the times of a process")?;
    // Behind the name, which may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("the times have no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
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
