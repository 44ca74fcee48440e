//! Files: upload with a document, download.

use std::fmt;

use bytes::Bytes;
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use url::Url;

use crate::{
    Client, Document, Error, Filter, Name, Outcome, Site,
    client::{under, without_body},
    error::{Cause, Unsendable},
    operation::{Operation, Verb},
    query::encode,
    text,
    transport::{Body, Request},
};

/// A file to be sent.
///
/// ```no_run
/// # async fn example(client: frappe::Client, log: Vec<u8>) {
/// use frappe::{Name, Upload};
/// let upload = Upload::bytes("call.log", log)
///     .attached_to("HD Ticket", Name::from("0001"))
///     .checked();
/// let sent = client.upload(upload).await;
/// # drop(sent);
/// # }
/// ```
pub struct Upload {
    file_name: String,
    content: Content,
    attached_to: Option<(String, Name)>,
    is_private: bool,
    is_checked: bool,
}

enum Content {
    Bytes(Bytes),
    File { file: tokio::fs::File, bytes: u64 },
}

impl Upload {
    /// A file out of memory. Private unless it is [made public](Self::public).
    pub fn bytes(file_name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self::new(file_name.into(), Content::Bytes(bytes.into()))
    }

    /// A file from the disk, read while it is sent. It must keep the size that it is said to have.
    pub fn file(file_name: impl Into<String>, file: tokio::fs::File, bytes: u64) -> Self {
        Self::new(file_name.into(), Content::File { file, bytes })
    }

    fn new(file_name: String, content: Content) -> Self {
        Self {
            file_name,
            content,
            attached_to: None,
            is_private: true,
            is_checked: false,
        }
    }

    /// Attaches the file to a document. Frappe takes it also when there is no such document, and then it belongs to
    /// nothing (observed on 15.50); see [`checked`](Self::checked).
    #[must_use]
    pub fn attached_to(mut self, doctype: impl Into<String>, name: Name) -> Self {
        self.attached_to = Some((doctype.into(), name));
        self
    }

    /// Lets everybody read the file who knows its address.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.is_private = false;
        self
    }

    /// Looks first whether the document is there and may be read, and refuses with
    /// [`Missing`](crate::Cause::Missing) otherwise. One more request.
    #[must_use]
    pub fn checked(mut self) -> Self {
        self.is_checked = true;
        self
    }

    fn size_bytes(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File { bytes, .. } => *bytes,
        }
    }

    fn into_form(self) -> Form {
        let file_name = plain_file_name(&self.file_name);
        let part = match self.content {
            Content::Bytes(bytes) => {
                let length = bytes.len() as u64;
                Part::stream_with_length(bytes, length)
            }
            Content::File { file, bytes } => Part::stream_with_length(file, bytes),
        };
        let mut form = Form::new()
            .percent_encode_noop()
            .text("is_private", if self.is_private { "1" } else { "0" });
        if let Some((doctype, name)) = self.attached_to {
            form = form
                .text("doctype", doctype)
                .text("docname", name.into_string());
        }
        form.part("file", part.file_name(file_name))
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("bytes", &self.size_bytes())
            .field("attached_to", &self.attached_to)
            .finish_non_exhaustive()
    }
}

/// A File as Frappe stored it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// The name of the File document.
    pub name: Name,
    /// The name of the file, which Frappe changes when another content has it already.
    pub file_name: String,
    /// Where it is on the site: `/private/files/...` or `/files/...`.
    pub file_url: String,
    /// Whether only those may read it who may read the document.
    pub is_private: bool,
    /// Its size.
    pub size_bytes: Option<u64>,
    /// The MD5 of its content in hexadecimal, by which Frappe keeps equal contents once.
    pub content_hash: Option<String>,
}

impl Client {
    /// Sends a file. The same content twice makes two File documents.
    pub async fn upload(&self, upload: Upload) -> Outcome<StoredFile> {
        self.try_upload(upload).await.into()
    }

    async fn try_upload(&self, upload: Upload) -> Result<StoredFile, Error> {
        let operation = match &upload.attached_to {
            Some((doctype, name)) => Operation::on(Verb::Upload, doctype, name),
            None => Operation::new(Verb::Upload, ""),
        };
        let (bytes, bytes_max) = (upload.size_bytes(), self.site.options().upload_bytes_max);
        let why = if bytes == 0 {
            Some(Unsendable::EmptyFile)
        } else if bytes > bytes_max {
            // A site that refuses in the middle of the body may be heard as a broken connection.
            Some(Unsendable::TooLarge { bytes, bytes_max })
        } else if matches!(&upload.attached_to, Some((doctype, name))
            if doctype.is_empty() || name.as_str().is_empty())
        {
            Some(Unsendable::EmptyName)
        } else {
            None
        };
        if let Some(why) = why {
            return Err(Error::new(&operation, Cause::Unsendable(why)));
        }
        if let Some((doctype, name)) = upload.attached_to.as_ref().filter(|_| upload.is_checked) {
            let filter = [Filter::eq("name", name)];
            if self.get_value(doctype, &filter, &["name"]).await?.is_none() {
                return Err(Error::new(&operation, Cause::Missing { message: None }));
            }
        }
        let request = Request {
            method: Method::POST,
            path: "/api/method/upload_file".to_owned(),
            body: Body::Form(upload.into_form()),
        };
        let body = self.send(&operation, Ok(request)).await?;
        let file: Document = under(&operation, body, "message")?;
        stored_file(&file).ok_or_else(|| Error::new(&operation, Cause::Shape("not a File")))
    }

    /// Fetches a file of this site by the `file_url` of its File document, up to the site's
    /// `response_bytes_max`.
    ///
    /// # Errors
    /// [`NoRight`](Cause::NoRight) also for a private file that is not there: Frappe makes no difference (observed
    /// on 15.50). A file elsewhere is not fetched: the credential belongs to this site.
    pub async fn download(&self, file_url: &str) -> Result<Bytes, Error> {
        let operation = Operation::new(Verb::Download, "");
        let request = file_path(&self.site, file_url).map(|path| without_body(Method::GET, path));
        let answer = self.send_raw(&operation, request).await?;
        match answer.status {
            200 => Ok(answer.body),
            _ => {
                let cause = answer.into_file_refusal(&operation, &self.credential);
                Err(Error::new(&operation, cause))
            }
        }
    }
}

fn stored_file(file: &Document) -> Option<StoredFile> {
    let size_bytes = file.int("file_size").and_then(|size| size.try_into().ok());
    Some(StoredFile {
        name: file.name()?,
        file_name: file.to_text("file_name")?,
        file_url: file.to_text("file_url")?,
        is_private: file.check("is_private"),
        size_bytes,
        content_hash: file.trimmed("content_hash").map(str::to_owned),
    })
}

/// A file's name without what would end its header or lead out of a folder.
fn plain_file_name(file_name: &str) -> String {
    let name: String = file_name
        .trim()
        .chars()
        .map(|c| match c {
            '"' | '\\' | '/' => '_',
            c if c.is_control() => '_',
            c => c,
        })
        .collect();
    match text::truncate(&name, text::DATA_CHARACTERS_MAX) {
        "" | "." | ".." => "file".to_owned(),
        name => name.to_owned(),
    }
}

/// The path of a file of this site, encoded anew: a `file_url` is stored as plain text.
fn file_path(site: &Site, file_url: &str) -> Result<String, Unsendable> {
    let base = site.url();
    let path = match file_url.starts_with('/') {
        true => file_url.to_owned(),
        false => {
            let url = Url::parse(file_url).map_err(|_no_url| Unsendable::FileElsewhere)?;
            if url.origin() != base.origin() || !url.username().is_empty() {
                return Err(Unsendable::FileElsewhere);
            }
            percent_encoding::percent_decode_str(url.path())
                .decode_utf8()
                .map_err(|_not_utf8| Unsendable::FileElsewhere)?
                .into_owned()
        }
    };
    let below = path
        .strip_prefix("/private/files/")
        .map(|below| ("/private/files", below))
        .or_else(|| path.strip_prefix("/files/").map(|below| ("/files", below)));
    let (mut encoded, below) = match below {
        Some((folder, below)) => (folder.to_owned(), below),
        None => return Err(Unsendable::FileElsewhere),
    };
    for segment in below.split('/') {
        if matches!(segment, "" | "." | "..") {
            return Err(Unsendable::FileElsewhere);
        }
        encoded.push('/');
        encoded.push_str(&encode(segment));
    }
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[test]
    fn a_file_of_this_site_is_found_and_one_elsewhere_is_not() {
        let site = Site::new("https://helpdesk.example", Options::default()).unwrap();
        let here = [
            ("/private/files/note.txt", "/private/files/note.txt"),
            ("/files/a b#c.pdf", "/files/a%20b%23c.pdf"),
            (
                "/private/files/sub/hóa đơn.pdf",
                "/private/files/sub/h%C3%B3a%20%C4%91%C6%A1n.pdf",
            ),
            (
                "https://helpdesk.example/files/a%20b.txt",
                "/files/a%20b.txt",
            ),
            ("https://helpdesk.example:443/files/x?y=z", "/files/x"),
        ];
        for (file_url, path) in here {
            assert_eq!(
                file_path(&site, file_url).as_deref(),
                Ok(path),
                "{file_url}"
            );
        }
        let elsewhere = [
            "https://files.example/files/x.pdf",
            "http://helpdesk.example/files/x.pdf",
            "https://helpdesk.example:8443/files/x.pdf",
            "https://user@helpdesk.example/files/x.pdf",
            "//files.example/files/x.pdf",
            "/private/files/../../api/method/x",
            "https://helpdesk.example/files/%2e%2e/%2e%2e/api/x",
            "/private/files/",
            "/private/files//x",
            "/backups/x.sql",
            "files/x.pdf",
            "",
        ];
        for file_url in elsewhere {
            assert_eq!(
                file_path(&site, file_url),
                Err(Unsendable::FileElsewhere),
                "{file_url}"
            );
        }
    }

    #[test]
    fn a_file_name_cannot_end_its_header_or_lead_out_of_a_folder() {
        let cases = [
            ("note.txt", "note.txt"),
            ("hóa đơn.pdf", "hóa đơn.pdf"),
            ("a\"; name=\"doctype", "a_; name=_doctype"),
            ("a\r\nX: y", "a__X: y"),
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("c:\\x", "c:_x"),
            ("..", "file"),
            ("  ", "file"),
        ];
        for (given, plain) in cases {
            assert_eq!(plain_file_name(given), plain, "{given:?}");
        }
        let long = "x".repeat(200);
        assert_eq!(plain_file_name(&long).len(), 140);
    }
}
