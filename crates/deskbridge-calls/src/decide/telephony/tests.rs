mod calls;
mod follow_up;
mod lives;
mod orders;
mod transfers;
mod world;
