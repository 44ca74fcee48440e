//! A client for Frappe's REST API, as the program's own user or as the calling user
