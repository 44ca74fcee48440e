mod load;
mod replay;
mod told;
