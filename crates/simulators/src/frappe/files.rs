//! File: what is uploaded, under which address it lies, and who may fetch it.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    cell, digest,
    document::Document,
    exception::{Exception, MANDATORY, OS, PERMISSION},
    meta::Right,
    request::Upload,
    transaction::Transaction,
};

/// `upload_file`: a file in a form, or an address elsewhere.
pub(crate) fn upload(
    transaction: &mut Transaction<'_>,
    params: &Map<String, Value>,
    file: Option<&Upload>,
) -> Result<Document, Exception> {
    if transaction.user.is_guest() {
        return Err(Exception::bare(PERMISSION));
    }
    let text = |key: &str| params.get(key).map(cell::text).unwrap_or_default();
    let (doctype, name) = (text("doctype"), text("docname"));
    // A document that does not exist is no hindrance (observed).
    if transaction.store.row(&doctype, &name).is_some() {
        let attached = transaction.load(&doctype, &name)?;
        transaction.check(Right::Write, &attached)?;
    }
    let mut values = Map::new();
    let mut set = |key: &str, value: Value| values.insert(key.to_owned(), value);
    set("is_private", cell::int(&text("is_private").into()).into());
    let folder = Some(text("folder")).filter(|folder| !folder.is_empty());
    set("folder", folder.unwrap_or_else(|| "Home".to_owned()).into());
    for (key, value) in [
        ("attached_to_doctype", doctype),
        ("attached_to_name", name),
        ("attached_to_field", text("fieldname")),
        ("file_url", text("file_url")),
    ] {
        if !value.is_empty() {
            set(key, value.into());
        }
    }
    let given = file.map(|file| file.content.clone());
    if let Some(file) = file {
        set("file_name", file.name.as_str().into());
    }
    store(transaction, values, given)
}

/// A File that comes as a document, its content as text or base64.
pub(crate) fn insert(
    transaction: &mut Transaction<'_>,
    sent: &Map<String, Value>,
) -> Result<Document, Exception> {
    let content = sent.get("content").and_then(Value::as_str).map(|content| {
        let decoded = sent
            .get("decode")
            .filter(|decode| cell::int(decode) != 0)
            .and_then(|_| digest::base64(content));
        Bytes::from(decoded.unwrap_or_else(|| content.as_bytes().to_vec()))
    });
    let mut values = sent.clone();
    let attached = sent.get("attached_to_name").is_some_and(Value::is_string);
    let folder = if attached { "Home/Attachments" } else { "Home" };
    values.entry("folder").or_insert_with(|| folder.into());
    store(transaction, values, content)
}

fn store(
    transaction: &mut Transaction<'_>,
    mut values: Map<String, Value>,
    content: Option<Bytes>,
) -> Result<Document, Exception> {
    let text = |values: &Map<String, Value>, key: &str| {
        values.get(key).map(cell::text).unwrap_or_default()
    };
    let url = text(&values, "file_url");
    let mut name = text(&values, "file_name");
    if name.is_empty() && url.is_empty() {
        let message = "Fields `file_name` or `file_url` must be set for File";
        return Err(transaction.throw(MANDATORY, message));
    }
    match content {
        Some(content) if content.is_empty() => {
            return Err(transaction.throw(OS, "File  does not exist"));
        }
        Some(content) => {
            let hash = digest::md5(&content);
            let is_private = cell::int(values.get("is_private").unwrap_or(&Value::Null)) != 0;
            let folder = if is_private {
                "/private/files/"
            } else {
                "/files/"
            };
            let taken = transaction.blobs.get(format!("{folder}{name}").as_str());
            if taken.is_some_and(|other| *other != content) {
                name = numbered(&name, &hash);
            }
            let url = format!("{folder}{name}");
            values.insert("file_size".to_owned(), content.len().into());
            values.insert("content_hash".to_owned(), hash.into());
            values.insert("file_url".to_owned(), url.as_str().into());
            transaction.blobs.insert(url.into(), content);
        }
        None if name.is_empty() => {
            name = url.rsplit('/').next().unwrap_or_default().to_owned();
        }
        None => {}
    }
    let ending = name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_uppercase());
    values.insert("file_name".to_owned(), name.into());
    values.insert(
        "file_type".to_owned(),
        ending.map_or(Value::Null, Value::from),
    );
    let document = transaction.draft("File", &values)?;
    transaction.insert_document(document)
}

/// A name that is taken gets the end of the content's hash.
fn numbered(name: &str, hash: &str) -> String {
    let tail = hash.get(hash.len().saturating_sub(6)..).unwrap_or_default();
    match name.rsplit_once('.') {
        Some((stem, ending)) => format!("{stem}{tail}.{ending}"),
        None => format!("{name}{tail}"),
    }
}

/// The content of a private file, when the user may read it.
pub(crate) fn private(transaction: &mut Transaction<'_>, url: &str) -> Option<Bytes> {
    let meta = transaction.store.doctype("File").cloned()?;
    let column = meta.column("file_url")?;
    let found = transaction.store.equal("File", column, url);
    let rows: Vec<_> = found.into_iter().cloned().collect();
    let readable = rows.iter().any(|row| {
        let file = Document::load(&meta, row, transaction.store);
        transaction.may(Right::Read, &file)
    });
    transaction.messages.clear();
    let content = transaction.blobs.get(url)?;
    readable.then(|| content.clone())
}

/// The `Content-Type` of a file by its name.
pub(crate) fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "txt" | "log" => "text/plain; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "wav" => "audio/x-wav",
        "mp3" => "audio/mpeg",
        _ => "application/octet-stream",
    }
}
