//! The durable log of effects and their dispatch
