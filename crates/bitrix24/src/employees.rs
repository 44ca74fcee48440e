//! Employees: their numbers, their working day, messages to them.

use std::fmt;

use crate::{Call, Client, Error, Id, Outcome, Row, Workday, error::Class};

/// So many pages of users are read at most.
const PAGES_MAX: usize = 1_000;

/// An employee with the numbers that calls are told by.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The user.
    pub id: Id,
    /// First and last name.
    pub name: String,
    /// The e-mail address; needs the scope `user_basic`.
    pub email: Option<String>,
    /// The internal number.
    pub inner_phone: Option<String>,
    /// The mobile number, which is among [`phones`](Self::phones) too.
    pub mobile: Option<String>,
    /// The other numbers: mobile, at work, at home.
    pub phones: Vec<String>,
}

impl User {
    fn read(row: &Row) -> Option<Self> {
        let text = |field: &str| row.text(field).map(String::from);
        let names = ["NAME", "LAST_NAME"].into_iter().filter_map(text);
        let phones = ["PERSONAL_MOBILE", "WORK_PHONE", "PERSONAL_PHONE"];
        Some(Self {
            id: row.id("ID")?,
            name: names.collect::<Vec<_>>().join(" "),
            email: text("EMAIL"),
            inner_phone: text("UF_PHONE_INNER"),
            mobile: text("PERSONAL_MOBILE"),
            phones: phones.into_iter().filter_map(text).collect(),
        })
    }
}

/// Without names and numbers: they are people's.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "User({})", self.id)
    }
}

impl Client {
    /// All active employees with their numbers (`user.get`). An answer without any says less of the employees than
    /// of the webhook's or application's rights: do not forget on its account who was known before.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn active_users(&self) -> Result<Vec<User>, Error> {
        let mut users = Vec::new();
        let mut start = 0;
        for _ in 0..PAGES_MAX {
            let call = Call::read("user.get")
                .filter("ACTIVE", true)
                .param("sort", "ID")
                .param("order", "ASC")
                .start(start);
            let answer = self.call(call).await?;
            let rows = answer.rows()?;
            // A portal that overlooked the condition answers with those who have left too.
            let active = rows.iter().filter(|row| row.flag("ACTIVE") != Some(false));
            users.extend(active.filter_map(User::read));
            match answer.next() {
                Some(next) if next > start => start = next,
                Some(_) => {
                    let why = "the next page is not after this one";
                    return Err(answer.disbelieved(Class::Strayed, why));
                }
                None => break,
            }
        }
        Ok(users)
    }

    /// How an employee's working day stands (`timeman.status`); `None` when the portal does not say.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn workday(&self, user: Id) -> Result<Option<Workday>, Error> {
        let call = Call::read("timeman.status").param("USER_ID", user);
        let row = self.call(call).await?.row()?;
        Ok(row.text("STATUS").and_then(|text| Workday::read(&text)))
    }

    /// Tells an employee something (`im.notify.personal.add`). A message takes the place of an earlier one of the same
    /// tag, so that one whose answer got lost can be told again.
    pub async fn notify(&self, user: Id, message: &str, tag: &str) -> Outcome<()> {
        let call = Call::write("im.notify.personal.add")
            .param("USER_ID", user)
            .param("MESSAGE", message)
            .param("TAG", tag);
        self.write(call).await.map(drop)
    }
}
