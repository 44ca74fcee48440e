mod calls;
mod cases;
mod comments;
pub(crate) mod lives;
mod orders;
mod people;
mod reports;
mod tickets;
pub(crate) mod world;
