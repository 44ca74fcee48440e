//! What a verification found, for people (a page) and for programs (a table).
//!
//! Differences are written to the table as they are found; of the page's parts only counts and the first ones are kept.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::{
    Error, Result,
    record::Kind,
    verify::{Difference, Verified, Wrong},
};

/// How many differences the page shows one by one.
const SHOWN_MAX: usize = 500;

/// A report that is being written.
#[derive(Debug)]
pub struct Report {
    name: String,
    site: String,
    paths: Written,
    table: csv::Writer<BufWriter<File>>,
    counts: BTreeMap<(Kind, &'static str), u64>,
    shown: Vec<Difference>,
}

/// Where a report lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// The table.
    pub csv: PathBuf,
}

impl Report {
    /// Begins the report on an import, in a folder. `site` is the helpdesk's address, for links.
    ///
    /// # Errors
    /// When it cannot be written there.
    pub fn create(folder: &Path, name: &str, site: &str) -> Result<Self> {
        let paths = Written {
            html: folder.join(format!("{name}-verify.html")),
            csv: folder.join(format!("{name}-verify.csv")),
        };
        let file = File::create(&paths.csv).map_err(failed(&paths.csv))?;
        let mut table = csv::Writer::from_writer(BufWriter::new(file));
        let header = ["kind", "id", "document", "what", "where"];
        let written = table.write_record(header).map_err(io::Error::from);
        written.map_err(failed(&paths.csv))?;
        Ok(Self {
            name: name.to_owned(),
            site: site.trim_end_matches('/').to_owned(),
            paths,
            table,
            counts: BTreeMap::new(),
            shown: Vec::new(),
        })
    }

    /// Takes a difference in.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, difference: &Difference) -> Result<()> {
        let (what, place) = difference.what.words();
        let document = difference.name.as_deref().unwrap_or_default();
        let row = [
            difference.kind.as_str(),
            difference.id.as_str(),
            document,
            what,
            place,
        ];
        let row = row.map(defused);
        let written = self.table.write_record(&row).map_err(io::Error::from);
        written.map_err(failed(&self.paths.csv))?;
        *self.counts.entry((difference.kind, what)).or_default() += 1;
        if self.shown.len() < SHOWN_MAX {
            self.shown.push(difference.clone());
        }
        Ok(())
    }

    /// Ends it with what was compared.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(
        mut self,
        verified: &Verified,
        began_at: Timestamp,
        ended_at: Timestamp,
    ) -> Result<Written> {
        self.table.flush().map_err(failed(&self.paths.csv))?;
        let page = self.page(verified, began_at, ended_at);
        let written =
            File::create(&self.paths.html).and_then(|mut file| file.write_all(page.as_bytes()));
        written.map_err(failed(&self.paths.html))?;
        Ok(self.paths)
    }

    fn page(&self, verified: &Verified, began_at: Timestamp, ended_at: Timestamp) -> String {
        let verdict = match verified.is_whole() {
            true => "Everything is in the helpdesk as it should be.",
            false => "Some records are not in the helpdesk as they should be.",
        };
        let mut kinds = String::new();
        for (kind, records) in &verified.records {
            let same = verified.same.get(kind).copied().unwrap_or_default();
            let missing = self.counts.get(&(*kind, Wrong::Missing.words().0)).copied();
            let missing = missing.unwrap_or_default();
            let differing = records.saturating_sub(same).saturating_sub(missing);
            push(
                &mut kinds,
                &[
                    kind.as_str(),
                    &records.to_string(),
                    &same.to_string(),
                    &differing.to_string(),
                    &missing.to_string(),
                ],
            );
        }
        let mut causes = String::new();
        for ((kind, what), count) in &self.counts {
            push(&mut causes, &[kind.as_str(), what, &count.to_string()]);
        }
        let mut rows = String::new();
        for difference in &self.shown {
            let (what, place) = difference.what.words();
            // The cells before and after the link are plain.
            let _written = write!(
                rows,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                difference.kind,
                escaped(&difference.id),
                self.link(difference),
                what,
                escaped(place)
            );
        }
        let total: u64 = self.counts.values().sum();
        let more = match total > self.shown.len() as u64 {
            true => format!(
                "<p>The first {} of {total}; all are in {}.</p>",
                self.shown.len(),
                escaped(&self.paths.csv.display().to_string())
            ),
            false => String::new(),
        };
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Import {name}: verification</title>{STYLE}\
             <h1>Import {name}</h1><p class=\"{class}\">{verdict}</p>\
             <p>Compared with {site} from {began_at} to {ended_at}, field by field; {messages} messages were compared.</p>\
             <table><tr><th>what<th>in the source<th>as they should be<th>differ<th>missing</tr>{kinds}</table>\
             <h2>Differences</h2><table><tr><th>what<th>difference<th>number</tr>{causes}</table>\
             {more}<table><tr><th>what<th>id in the source<th>document<th>difference<th>where</tr>{rows}</table></html>\n",
            name = escaped(&self.name),
            site = escaped(&self.site),
            class = if verified.is_whole() { "well" } else { "ill" },
            messages = verified.messages,
        )
    }

    fn link(&self, difference: &Difference) -> String {
        let Some(name) = &difference.name else {
            return String::new();
        };
        match difference.kind {
            Kind::Ticket => format!(
                "<a href=\"{}/helpdesk/tickets/{}\">{}</a>",
                escaped(&self.site),
                escaped(name),
                escaped(name)
            ),
            Kind::Customer | Kind::Contact => escaped(name),
        }
    }
}

const STYLE: &str = "<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}\
    table{border-collapse:collapse;margin:1rem 0}td,th{border-bottom:1px solid #ddd;padding:.25rem .75rem;text-align:left}\
    .well{color:#176b37;font-weight:600}.ill{color:#a3231b;font-weight:600}\
    @media(prefers-color-scheme:dark){body{background:#161616;color:#eee}td,th{border-color:#444}.well{color:#6fcf97}\
    .ill{color:#ff8a80}a{color:#8ab4f8}}</style>";

fn push(rows: &mut String, cells: &[&str]) {
    rows.push_str("<tr>");
    for cell in cells {
        rows.push_str("<td>");
        rows.push_str(&escaped(cell));
    }
    rows.push_str("</tr>");
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Programs for tables take some beginnings for formulas.
fn defused(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Report { path, source }
}
