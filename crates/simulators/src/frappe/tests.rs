mod client;
mod conformance;
mod lab;
