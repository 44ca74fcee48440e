mod calls;
mod cases;
mod comments;
mod lives;
mod orders;
mod people;
mod tickets;
mod world;
