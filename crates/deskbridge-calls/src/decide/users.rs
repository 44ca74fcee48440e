//! Who in the CRM answers which phone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    num::NonZeroU64,
};

use serde::{Deserialize, Serialize};

use super::numbers::{Compared, Numbers};

/// A user of the CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(NonZeroU64);

impl UserId {
    /// The user with this id; the CRM writes 0 for nobody.
    pub fn new(id: u64) -> Option<Self> {
        NonZeroU64::new(id).map(Self)
    }

    /// The id.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A row of `user.get`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// `ID`.
    pub id: UserId,
    /// `ACTIVE`. Who has left answers no phone.
    pub is_active: bool,
    /// `NAME` and `LAST_NAME`.
    pub name: String,
    /// `UF_PHONE_INNER`; empty for whoever has none.
    pub extension: String,
    /// `PERSONAL_MOBILE` and whatever else names a mobile phone; empty ones are left out.
    pub mobiles: Vec<String>,
}

/// Whose a phone is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This user's.
    One(UserId),
    /// Nobody's.
    Nobody,
    /// Several users claim it, so that nobody can be told.
    Several(Vec<UserId>),
}

/// The users of the CRM by their phones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct People {
    users: BTreeMap<UserId, Person>,
    extensions: BTreeMap<String, BTreeSet<UserId>>,
    mobiles: BTreeMap<Compared, BTreeSet<UserId>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Person {
    name: String,
    extension: Option<String>,
}

/// A phone that several users claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The phone, as an extension or as the digits of a number.
    pub phone: String,
    /// Who claims it.
    pub users: Vec<UserId>,
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users: Vec<String> = self.users.iter().map(UserId::to_string).collect();
        write!(
            f,
            "{} is the phone of the users {}: give it to one of them in the CRM, or name its user in users of the \
             settings",
            self.phone,
            users.join(" and ")
        )
    }
}

impl People {
    /// The users of all rows.
    pub fn of_rows(rows: &[UserRow], numbers: &Numbers) -> Self {
        let mut people = Self::default();
        for row in rows.iter().filter(|row| row.is_active) {
            let extension = row.extension.trim();
            let extension = (!extension.is_empty()).then(|| extension.to_owned());
            for mobile in &row.mobiles {
                if let Some(mobile) = numbers.compared(mobile) {
                    people.mobiles.entry(mobile).or_default().insert(row.id);
                }
            }
            if let Some(extension) = &extension {
                let users = people.extensions.entry(extension.clone()).or_default();
                users.insert(row.id);
            }
            let name = row.name.trim().to_owned();
            people.users.insert(row.id, Person { name, extension });
        }
        people
    }

    /// The users of newly read rows. An answer without an active user does not replace what was known: portals
    /// give one while they are ill.
    #[must_use]
    pub fn renewed(self, rows: &[UserRow], numbers: &Numbers) -> Self {
        let renewed = Self::of_rows(rows, numbers);
        if renewed.is_empty() { self } else { renewed }
    }

    /// Whether nobody is known: the CRM was not asked yet.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Whether this is an active user.
    pub fn has(&self, user: UserId) -> bool {
        self.users.contains_key(&user)
    }

    /// A user's name; `None` when they have none.
    pub fn name(&self, user: UserId) -> Option<&str> {
        let person = self.users.get(&user)?;
        Some(person.name.as_str()).filter(|name| !name.is_empty())
    }

    /// A user's extension; `None` when they have none.
    pub fn extension(&self, user: UserId) -> Option<&str> {
        self.users.get(&user)?.extension.as_deref()
    }

    /// Whose an extension is. The empty one is nobody's.
    pub fn of_extension(&self, extension: &str) -> Whose {
        whose(self.extensions.get(extension.trim()))
    }

    /// Whose mobile phone a number is.
    pub fn of_mobile(&self, number: &str, numbers: &Numbers) -> Whose {
        let Some(number) = numbers.compared(number) else {
            return Whose::Nobody;
        };
        let equal = |(mobile, _): &(&Compared, _)| numbers.are_equal(mobile, &number);
        let users = self.mobiles.iter().filter(equal);
        let users: BTreeSet<UserId> = users.flat_map(|(_, users)| users).copied().collect();
        whose(Some(&users))
    }

    /// Phones that several users claim.
    pub fn duplicates(&self) -> Vec<Duplicate> {
        let extensions = self.extensions.iter();
        let extensions = extensions.map(|(phone, users)| (phone.clone(), users));
        let mobiles = self.mobiles.iter();
        let mobiles = mobiles.map(|(phone, users)| (phone.to_string(), users));
        let claimed = extensions.chain(mobiles);
        let claimed = claimed.filter(|(_, users)| users.len() > 1);
        claimed
            .map(|(phone, users)| Duplicate {
                phone,
                users: users.iter().copied().collect(),
            })
            .collect()
    }
}

fn whose(users: Option<&BTreeSet<UserId>>) -> Whose {
    let mut users = users.into_iter().flatten().copied();
    match (users.next(), users.next()) {
        (None, _) => Whose::Nobody,
        (Some(user), None) => Whose::One(user),
        (Some(one), Some(other)) => Whose::Several([one, other].into_iter().chain(users).collect()),
    }
}

#[cfg(test)]
mod tests;
