mod cases;
mod load;
mod pbx;
mod properties;
mod replay;
mod told;
