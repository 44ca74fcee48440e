//! Which documents link to which: nothing that is linked is deleted, and a new name reaches every link.

use std::sync::Arc;

use super::{
    cell::Kind,
    document::Document,
    exception::{Exception, LINK_EXISTS, Message, VALIDATION},
    life::refusal,
    meta::{DocType, Field, Naming, Right},
    store::Row,
    transaction::Transaction,
};

impl Transaction<'_> {
    /// Refuses to delete what others link to.
    pub(crate) fn refuse_linked(&mut self, document: &Document) -> Result<(), Exception> {
        let (doctype, name) = (document.meta.name.clone(), document.name.clone());
        let Some((by, which)) = self.linked_by(&doctype, &name) else {
            return Ok(());
        };
        let message = format!(
            "Cannot delete or cancel because {doctype} <a href=\"/app/Form/{doctype}/{name}\">{name}</a> is \
             linked with {by} <a href=\"/app/Form/{by}/{which}\">{which}</a> "
        );
        Err(self.throw(LINK_EXISTS, message))
    }

    /// A document that links to the given one, other than those that go with it.
    fn linked_by(&self, doctype: &str, name: &str) -> Option<(Box<str>, Box<str>)> {
        const GO_ALONG: [&str; 6] = [
            "Communication",
            "Comment",
            "ToDo",
            "DocShare",
            "File",
            "HD Ticket Activity",
        ];
        let mut metas: Vec<&Arc<DocType>> = self.store.doctypes().collect();
        metas.retain(|meta| !meta.is_child && !GO_ALONG.contains(&&*meta.name));
        metas.sort_by(|left, right| left.name.cmp(&right.name));
        // Plain links are looked at before dynamic ones.
        let kinds = [Kind::Link, Kind::DynamicLink];
        kinds.into_iter().find_map(|kind| {
            metas.iter().find_map(|meta| {
                let links = self.links_to(meta, doctype, name, &[kind]).into_iter();
                let mut others = links.filter(|row| *meta.name != *doctype || *row.name != *name);
                Some((meta.name.clone(), others.next()?.name.clone()))
            })
        })
    }

    /// The documents of one DocType that link to a document, themselves or in a child row.
    fn links_to(&self, meta: &DocType, doctype: &str, name: &str, kinds: &[Kind]) -> Vec<Arc<Row>> {
        let mut found = Vec::new();
        for field in &meta.fields {
            let Some(column) = field.column else { continue };
            let dynamic = field.kind == Kind::DynamicLink;
            if !links(field, doctype, kinds) {
                continue;
            }
            let rows = self.store.equal(&meta.name, column, name).into_iter();
            let kind = meta.column(&field.options).filter(|_| dynamic);
            let rows = rows.filter(|row| kind.is_none_or(|kind| row.text(kind) == doctype));
            found.extend(rows.cloned());
        }
        for (table, child) in meta.tables() {
            let Some(child) = self.store.doctype(child) else {
                continue;
            };
            for field in &child.fields {
                let Some(column) = field.column else { continue };
                let dynamic = field.kind == Kind::DynamicLink;
                if !links(field, doctype, kinds) {
                    continue;
                }
                let rows = self
                    .store
                    .equal_in_child(&meta.name, &table.name, column, name);
                let kind = child.column(&field.options).filter(|_| dynamic);
                let rows = rows.into_iter().filter(|row| {
                    let mut children = row.table(&table.name).iter();
                    kind.is_none_or(|kind| children.any(|child| child.text(kind) == doctype))
                });
                found.extend(rows.cloned());
            }
        }
        found
    }

    /// Renames a document and rewrites every link to it.
    pub(crate) fn rename(
        &mut self,
        doctype: &str,
        before: &str,
        after: &str,
    ) -> Result<String, Exception> {
        let document = self.load(doctype, before)?;
        self.check(Right::Write, &document)?;
        let after = after.trim();
        if !document.meta.is("allow_rename") {
            let message = format!("{doctype} not allowed to be renamed");
            return Err(self.throw(VALIDATION, message));
        }
        let taken = self.store.row(doctype, after);
        if taken.is_some_and(|other| *other.name != *document.name) {
            let message =
                format!("Another {doctype} with name {after} exists, select another name");
            return Err(self.throw(VALIDATION, message));
        }
        let before = document.name.clone();
        self.rewrite_links(doctype, &before, after);
        let mut renamed = self.load(doctype, &before)?;
        renamed.name = after.to_owned();
        if let Naming::Field(field) = &renamed.meta.naming.clone() {
            renamed.set(field, after);
        }
        for row in renamed.tables.values_mut().flatten() {
            row.set("parent", after);
        }
        let row = renamed.row().map_err(|refused| refusal(&refused))?;
        let done = self.store.rename(doctype, &before, row);
        done.map_err(|clash| self.clashed(clash, &renamed))?;
        self.messages.push(Message {
            indicator: Some("green"),
            alert: true,
            ..Message::note(format!(
                "Document renamed from <strong>{before}</strong> to <strong>{after}</strong>"
            ))
        });
        Ok(after.to_owned())
    }

    fn rewrite_links(&mut self, doctype: &str, before: &str, after: &str) {
        let metas: Vec<Arc<DocType>> = self.store.doctypes().cloned().collect();
        for meta in metas.iter().filter(|meta| !meta.is_child) {
            for row in self.links_to(meta, doctype, before, &[Kind::Link, Kind::DynamicLink]) {
                let mut document = Document::load(meta, &row, self.store);
                rewrite(&mut document, doctype, before, after);
                for child in document.tables.values_mut().flatten() {
                    rewrite(child, doctype, before, after);
                }
                if let Ok(row) = document.row() {
                    // A row under its own name with its own values clashes with nothing.
                    drop(self.store.replace(&meta.name, row));
                }
            }
        }
    }
}

/// Whether a field of one of these kinds may hold the name of such a document.
fn links(field: &Field, doctype: &str, kinds: &[Kind]) -> bool {
    kinds.contains(&field.kind) && (field.kind == Kind::DynamicLink || *field.options == *doctype)
}

fn rewrite(document: &mut Document, doctype: &str, before: &str, after: &str) {
    let meta = Arc::clone(&document.meta);
    for field in &meta.fields {
        let target = match field.kind {
            Kind::Link => field.options.to_string(),
            Kind::DynamicLink => document.text(&field.options),
            _ => continue,
        };
        if target == doctype && super::collation::equal(&document.text(&field.name), before) {
            document.set(&field.name, after);
        }
    }
}
