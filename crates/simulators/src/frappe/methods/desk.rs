//! What the desk and the portal ask for: who am I, what is installed, files, comments.

use serde_json::{Map, Value, json};

use super::{Answer, Returned, required_texts};
use crate::frappe::{
    cell,
    document::Nulls,
    exception::{DOES_NOT_EXIST, Exception, PERMISSION},
    files,
    meta::Right,
    permission,
    request::Call,
    transaction::Transaction,
    users,
};

pub(super) fn get_logged_user(transaction: &mut Transaction<'_>, _: &Call) -> Answer {
    Ok(Value::from(&*transaction.user.name).into())
}

pub(super) fn get_versions(transaction: &mut Transaction<'_>, _: &Call) -> Answer {
    let app = |title: &str, description: &str, version: String| json!({"title": title, "description": description, "branch": "HEAD", "version": version});
    let versions = transaction.versions;
    let frappe = "Full stack web framework with Python, Javascript, MariaDB, Redis, Node";
    Ok(json!({
        "frappe": app("Frappe Framework", frappe, versions.frappe.to_string()),
        "telephony": app("Telephony", "Telephony for Frappe apps", "0.0.1".to_owned()),
        "helpdesk": app("Helpdesk", "Customer Service Software", versions.helpdesk.to_string()),
    })
    .into())
}

pub(super) fn get_roles(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let own = transaction.user.name.to_string();
    let name = call.text("uid").unwrap_or_else(|| own.clone());
    if name != own && !transaction.user.has_role("System Manager") {
        return Err(transaction.throw(PERMISSION, "Insufficient Permission for User"));
    }
    let user = users::user(transaction.store, &name);
    let roles = user.map(|user| user.roles).unwrap_or_default();
    let roles: Vec<Value> = roles.iter().map(|role| (&**role).into()).collect();
    Ok(Value::Array(roles).into())
}

pub(super) fn generate_keys(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [name] = required_texts(call, "generate_keys", ["user"])?;
    if !transaction.user.has_role("System Manager") {
        return Err(Exception::bare(PERMISSION));
    }
    let mut user = transaction.load("User", &name)?;
    if !user.has("api_key") {
        user.set("api_key", transaction.random.hex(15));
    }
    let secret = transaction.random.hex(15);
    user.set("api_secret", secret.as_str());
    transaction.save(user)?;
    Ok(json!({"api_secret": secret}).into())
}

/// The zone of the site's clock (read in the source, not observed).
pub(super) fn get_time_zone(transaction: &mut Transaction<'_>, _: &Call) -> Answer {
    let zone = transaction.setting("System Settings", "time_zone");
    Ok(json!({"time_zone": zone}).into())
}

/// Who the user is to Helpdesk.
pub(super) fn get_user(transaction: &mut Transaction<'_>, _: &Call) -> Answer {
    let user = transaction.user.clone();
    let value = |field: &str| transaction.value("User", &user.name, field);
    let teams = permission::teams(&user.name, transaction.store);
    let teams: Vec<Value> = teams.iter().map(|team| (&*team.name).into()).collect();
    let zone = transaction.setting("System Settings", "time_zone");
    Ok(json!({
        "has_desk_access": users::has_desk(&user),
        "is_admin": user.has_role("System Manager"),
        "is_agent": user.is_agent(transaction.store),
        "user_id": &*user.name,
        "is_manager": user.has_role("Agent Manager"),
        "user_image": value("user_image"),
        "user_first_name": value("first_name"),
        "user_name": value("full_name"),
        "username": value("username"),
        "time_zone": zone,
        "language": value("language"),
        "user_teams": teams,
    })
    .into())
}

pub(super) fn upload_file(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let mut params = call.params.clone();
    if params.is_empty() {
        // A JSON body with another content type is read all the same.
        if let Ok(Value::Object(body)) = crate::frappe::request::json(&call.body) {
            params = body;
        }
    }
    let file = files::upload(transaction, &params, call.upload.as_ref())?;
    Ok(file.json(Nulls::Dropped).into())
}

pub(super) fn download_file(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [url] = required_texts(call, "download_file", ["file_url"])?;
    let content = match url.starts_with("/private/") {
        true => files::private(transaction, &url),
        false => transaction.blobs.get(url.as_str()).cloned(),
    };
    let name = url.rsplit('/').next().unwrap_or_default().to_owned();
    match content {
        Some(content) => Ok(Returned::File { name, content }),
        None => Err(Exception::bare(PERMISSION)),
    }
}

pub(super) fn add_comment(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let names = [
        "reference_doctype",
        "reference_name",
        "content",
        "comment_email",
        "comment_by",
    ];
    let [doctype, name, content, email, by] = required_texts(call, "add_comment", names)?;
    let reference = transaction.load(&doctype, &name)?;
    transaction.check(Right::Read, &reference)?;
    let comment = json!({
        "comment_type": "Comment",
        "comment_email": email,
        "comment_by": by,
        "reference_doctype": doctype,
        "reference_name": name,
        "content": content,
    });
    let comment = comment.as_object().cloned().unwrap_or_default();
    let comment = transaction.trusted(|transaction| transaction.insert("Comment", &comment))?;
    Ok(comment.json(Nulls::Dropped).into())
}

/// Writes a message to a document; sending it fails for want of an outgoing account.
pub(super) fn make_email(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let text = |key: &str| call.text(key).unwrap_or_default();
    let (doctype, name) = (text("doctype"), text("name"));
    if !doctype.is_empty() && !name.is_empty() {
        let reference = transaction.load(&doctype, &name)?;
        transaction.check(Right::Read, &reference)?;
    }
    if cell::int(&text("send_email").into()) != 0 {
        let message = "Unable to send email. Please setup default outgoing email account.";
        return Err(transaction.throw(crate::frappe::exception::VALIDATION, message));
    }
    let or = |value: String, default: &str| match value.is_empty() {
        true => default.to_owned(),
        false => value,
    };
    let message = json!({
        "subject": text("subject"),
        "content": text("content"),
        "sender": or(text("sender"), &transaction.user.name),
        "recipients": text("recipients"),
        "communication_medium": "Email",
        "sent_or_received": or(text("sent_or_received"), "Sent"),
        "reference_doctype": doctype,
        "reference_name": name,
        "communication_type": or(text("communication_type"), "Communication"),
    });
    let message = message.as_object().cloned().unwrap_or_default();
    let made = transaction.trusted(|transaction| transaction.insert("Communication", &message))?;
    Ok(json!({"name": made.name, "emails_not_sent_to": ""}).into())
}

/// What a DocType is made of, with whatever the desk wants beside it.
pub(super) fn getdoctype(transaction: &mut Transaction<'_>, call: &Call) -> Answer {
    let [doctype] = required_texts(call, "getdoctype", ["doctype"])?;
    let mut meta = meta_json(transaction, &doctype, Surplus::Desk)?;
    for key in ["__js", "__custom_js", "__custom_list_js"] {
        meta.insert(key.to_owned(), "\n".into());
    }
    for key in [
        "__css",
        "__list_js",
        "__calendar_js",
        "__map_js",
        "__linked_with",
        "__messages",
        "__form_grid_templates",
        "__listview_template",
        "__tree_js",
        "__templates",
    ] {
        meta.insert(key.to_owned(), Value::Null);
    }
    for key in [
        "__print_formats",
        "__workflow_docs",
        "__kanban_column_fields",
    ] {
        meta.insert(key.to_owned(), json!([]));
    }
    meta.insert("__assets_loaded".to_owned(), true.into());
    let dashboard =
        json!({"transactions": [], "non_standard_fieldnames": {}, "internal_links": {}});
    meta.insert("__dashboard".to_owned(), dashboard);
    let body = json!({"docs": [meta], "user_settings": "{}"});
    match body {
        Value::Object(body) => Ok(Returned::Body(200, body)),
        other => Ok(other.into()),
    }
}

/// Which keys the rows of a DocType's meta have beyond their columns.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Surplus {
    Meta,
    Desk,
}

/// A DocType as `/api/v2/doctype/…/meta` shows it.
pub(super) fn meta_json(
    transaction: &mut Transaction<'_>,
    doctype: &str,
    surplus: Surplus,
) -> Result<Map<String, Value>, Exception> {
    let Some(meta) = transaction.store.doctype(doctype).cloned() else {
        return Err(transaction.throw(DOES_NOT_EXIST, format!("DocType {doctype} not found")));
    };
    let definition = transaction.load("DocType", doctype)?;
    let Value::Object(mut shown) = definition.json(Nulls::Dropped) else {
        return Ok(Map::new());
    };
    let row = |attributes: &Map<String, Value>, kind: &str| {
        let mut row = attributes.clone();
        row.insert("doctype".to_owned(), kind.into());
        for list in ["fields", "permissions", "actions", "links", "states"] {
            row.insert(list.to_owned(), json!([]));
        }
        row
    };
    let fields = (1..).zip(&meta.fields).map(|(idx, field)| {
        let mut row = row(&field.attributes, "DocField");
        row.insert("idx".to_owned(), Value::from(idx));
        row.insert("parent".to_owned(), doctype.into());
        row.insert("parentfield".to_owned(), "fields".into());
        row.insert("parenttype".to_owned(), "DocType".into());
        if surplus == Surplus::Desk {
            for key in ["search_fields", "is_custom_field", "linked_document_type"] {
                row.entry(key).or_insert(Value::Null);
            }
        }
        Value::Object(row)
    });
    shown.insert("fields".to_owned(), Value::Array(fields.collect()));
    if let Some(Value::Array(permissions)) = shown.get_mut("permissions") {
        for permission in permissions {
            if let Value::Object(attributes) = permission {
                *attributes = row(attributes, "DocPerm");
            }
        }
    }
    Ok(shown)
}
