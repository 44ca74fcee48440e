//! How much memory this process took.

use std::{fs::File, io::Read as _};

use anyhow::Context as _;

/// The largest resident set so far, in MiB.
pub(crate) fn peak_mib() -> anyhow::Result<f64> {
    let mut status = String::new();
    File::open("/proc/self/status")
        .and_then(|file| file.take(1 << 16).read_to_string(&mut status))
        .context("reading the status of this process")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    let peak_kib: f64 = peak
        .context("the kernel names no peak")?
        .trim()
        .parse()
        .context("the peak is no number")?;
    Ok(peak_kib / 1024.0)
}
