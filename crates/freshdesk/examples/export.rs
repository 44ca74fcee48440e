//! What is in an account export: `cargo run --example export -- account_export.zip`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal"
)]

use freshdesk::export::{Bounds, Export, ExportError, Placed};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("which export?")?;
    let export = Export::open(path.as_ref(), Bounds::default())?;
    for oddity in export.oddities() {
        eprintln!("odd: {oddity:?}");
    }
    let mut messages = 0;
    let tickets = count(export.tickets().inspect(|ticket| {
        if let Ok(ticket) = ticket {
            messages += ticket.value.conversations.len();
        }
    }));
    println!("{tickets} tickets with {messages} messages");
    println!("{} users", count(export.users()));
    println!("{} companies", count(export.companies()));
    println!("{} groups", count(export.groups()));
    println!("{} time entries", count(export.time_entries()));
    Ok(())
}

/// Counts what can be read, and names what cannot.
fn count<T>(records: impl Iterator<Item = Result<Placed<T>, ExportError>>) -> u64 {
    let mut count = 0;
    for record in records {
        match record {
            Ok(_) => count += 1,
            Err(error) => eprintln!("{error}"),
        }
    }
    count
}
