//! What a process does in which scripts run: it keeps scripts, calls them one after another, and nothing else.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    os::{fd::AsFd as _, unix::net::UnixStream},
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use tokio::time::Instant;

use super::{
    super::Failure,
    engine::Compiled,
    frames::{Order, Reply, write_reply},
};

/// Stack of the thread that runs scripts, in bytes: more than a script may use, because the engine's own functions need some.
const STACK_BYTES: usize = 4 << 20;
/// Memory that the process may take beyond what it has at its start, in bytes. A script has far less; this bounds what the engine
/// takes besides, and what it takes in error.
const MEMORY_BYTES_MAX: u64 = 256 << 20;
/// Memory at the start where the system does not say it.
const MEMORY_BYTES_AT_START: u64 = 2 << 30;
/// Bytes of a page, as the system counts memory.
const PAGE_BYTES: u64 = 4_096;

/// Serves scripts on the socket that is standard input, until it is closed.
///
/// # Errors
/// When standard input is no such socket, or what comes from it cannot be read.
pub fn serve() -> io::Result<()> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // Standard input may be anything when it is a person who started this.
    socket.peer_addr()?;
    // It has been killed already if the program that started it ended before this.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let thread = thread::Builder::new()
        .name("hook-javascript".to_owned())
        .stack_size(STACK_BYTES);
    let served = thread.spawn(move || {
        limit()?;
        orders(socket)
    })?;
    let ended = || io::Error::other("the engine panicked");
    served.join().map_err(|_panic| ended())?
}

/// Takes from the process what it needs for nothing: more memory, files to write, further processes, and a core that would hold
/// what it was told.
fn limit() -> io::Result<()> {
    let memory = memory_at_start().unwrap_or(MEMORY_BYTES_AT_START) + MEMORY_BYTES_MAX;
    for (resource, most) in [
        (Resource::Data, memory),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
        (Resource::Nofile, 16),
        (Resource::Core, 0),
    ] {
        let most = Some(most);
        let limit = Rlimit {
            current: most,
            maximum: most,
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

fn memory_at_start() -> Option<u64> {
    let mut text = String::new();
    let file = File::open("/proc/self/statm").ok()?;
    file.take(200).read_to_string(&mut text).ok()?;
    let pages: u64 = text.split(' ').nth(5)?.parse().ok()?;
    Some(pages.saturating_mul(PAGE_BYTES))
}

fn orders(mut socket: UnixStream) -> io::Result<()> {
    let mut kept = HashMap::new();
    while let Some(order) = Order::read(&mut socket)? {
        let carried_out = catch_unwind(AssertUnwindSafe(|| carry_out(order, &mut kept)));
        let panicked = || Err(Failure::Crashed("the engine panicked".to_owned()));
        let reply = carried_out.unwrap_or_else(|_panic| panicked());
        write_reply(&mut socket, &reply)?;
    }
    Ok(())
}

fn carry_out(order: Order, kept: &mut HashMap<u64, Compiled>) -> Reply {
    match order {
        Order::Keep { script, source } => {
            kept.insert(script, Compiled::new(&source)?);
            Ok(Vec::new())
        }
        Order::Call {
            script,
            now_ms,
            within_ms,
            input,
        } => {
            let Some(compiled) = kept.get(&script) else {
                return Err(Failure::Crashed("the script is not kept".to_owned()));
            };
            let deadline = Instant::now() + Duration::from_millis(within_ms.into());
            compiled.call(&input, now_ms, deadline)
        }
    }
}
