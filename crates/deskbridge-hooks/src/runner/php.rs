//! PHP files, as scripts for Itgrix are: `$params` is an array, and what the file returns or prints is the answer.

use std::{path::Path, sync::Arc};

use tokio::sync::Semaphore;

use super::program::Program;

const SHIM: &str = include_str!("shim.php");

/// The program that runs a PHP file by an interpreter. It runs in the file's folder.
pub fn program(interpreter: &str, file: &Path, turns: Arc<Semaphore>) -> Program {
    let words = [
        interpreter,
        "-d",
        "display_errors=stderr",
        "-d",
        "log_errors=0",
        "-d",
        "memory_limit=64M",
        "-r",
        SHIM,
        "--",
    ];
    let mut command: Vec<String> = words.map(str::to_owned).into();
    command.push(file.to_string_lossy().into_owned());
    let folder = file.parent().filter(|folder| folder.is_absolute());
    Program::new(command, folder.unwrap_or(Path::new("/")), turns)
}
