mod replay;
mod told;
