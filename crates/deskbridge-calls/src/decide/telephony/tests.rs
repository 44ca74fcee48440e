mod calls;
mod lives;
mod world;
