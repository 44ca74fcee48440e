mod behaviour;
mod client;
mod compare;
mod conformance;
mod recorded_site;
