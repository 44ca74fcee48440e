//! User: what follows from its roles and names, its passwords, its contact.

use serde_json::{Value, json};

use super::{
    cell::Cell,
    checks,
    document::Document,
    exception::Exception,
    store::{Row, SecretPath, Store},
    transaction::{Transaction, User},
};

/// The roles that let nobody onto the desk.
const DESKLESS: [&str; 5] = [
    "All",
    "Guest",
    "Desk User",
    "HD Customer",
    "HD Customer Manager",
];

/// Where a user's password lies.
pub(crate) fn password_path(user: &str) -> SecretPath {
    ("User".into(), user.into(), "password".into())
}

/// The user of that name with all roles, or nothing when there is none.
pub(crate) fn user(store: &Store, name: &str) -> Option<User> {
    let row = store.row("User", name)?;
    let role = store.doctype("Has Role")?.column("role")?;
    let user_type = store.doctype("User")?.column("user_type")?;
    let own = row.table("roles").iter();
    let mut roles: Vec<Box<str>> = own.map(|own| own.text(role).into()).collect();
    roles.push("All".into());
    roles.push("Guest".into());
    if row.text(user_type) == "System User" && !roles.iter().any(|role| &**role == "Desk User") {
        roles.push("Desk User".into());
    }
    Some(User {
        name: row.name.clone(),
        roles,
    })
}

/// Whether any of the roles opens the desk.
pub(crate) fn has_desk(user: &User) -> bool {
    user.is_administrator() || user.roles.iter().any(|role| !DESKLESS.contains(&&**role))
}

/// Derives names, and takes a new password out of the document.
pub(crate) fn validate(
    transaction: &mut Transaction<'_>,
    user: &mut Document,
) -> Result<(), Exception> {
    let email = user.text("email");
    if user.is_new() && !checks::is_email(&email) {
        return Err(transaction.invalid_email(&email));
    }
    let names = ["first_name", "middle_name", "last_name"].map(|field| user.text(field));
    let names: Vec<&str> = names
        .iter()
        .map(|name| name.trim())
        .filter(|name| !name.is_empty())
        .collect();
    user.set("full_name", names.join(" "));
    if !user.has("username") && user.is_new() {
        let name = user
            .text("first_name")
            .trim()
            .to_lowercase()
            .replace(' ', "_");
        user.set("username", name);
    }
    if user.has("new_password") {
        let password = user.text("new_password");
        let path = password_path(&user.name);
        transaction.store.put_secret(path, Some(&password));
    }
    user.set("new_password", "");
    Ok(())
}

/// Every user has a contact.
pub(crate) fn after_insert(
    transaction: &mut Transaction<'_>,
    user: &Document,
) -> Result<(), Exception> {
    let contact = json!({
        "first_name": user.get("first_name"),
        "last_name": user.get("last_name"),
        "user": &user.name,
        "email_ids": [{"email_id": user.get("email"), "is_primary": 1}],
    });
    let Value::Object(contact) = contact else {
        return Ok(());
    };
    transaction.trusted(|transaction| transaction.insert("Contact", &contact).map(drop))
}

/// Writes down when and from where a user logged in.
pub(crate) fn note_login(store: &mut Store, user: &str, now: &str) {
    let (Some(meta), Some(row)) = (store.doctype("User").cloned(), store.row("User", user)) else {
        return;
    };
    let mut row = Row::clone(row);
    for (field, value) in [
        ("last_login", now),
        ("last_active", now),
        ("last_ip", "127.0.0.1"),
    ] {
        if let Some(column) = meta.column(field) {
            row.set(column, Cell::text(value));
        }
    }
    // A row under its own name with its own keys clashes with nothing.
    drop(store.replace("User", row));
    store.commit();
}
