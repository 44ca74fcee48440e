//! Accounts that were made up: any number of tickets, each a function of the seed and its number.

mod edges;
mod texts;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

pub use self::edges::Edge;
use self::texts::{Language, TAGS, pick};
use super::{
    files,
    records::{
        Agent, Attachment, Company, Contact, ContactState, Conversation, Group, Place, Rating,
        Records, Stats, Ticket, TimeEntry,
    },
};

const CONTACTS_FROM: u64 = 2_000_001;
const AGENTS_FROM: u64 = 3_000_001;
const GROUPS_FROM: u64 = 4_000_001;
const COMPANIES_FROM: u64 = 5_000_001;
const AGENTS: u64 = 6;
/// Agents of old who are in no list any more.
const FORMER_AGENTS: u64 = 2;
const DAYS: i64 = 900;

/// How an account is made up. Nothing in it belongs to anybody.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The same seed gives the same account.
    pub seed: u64,
    /// How many tickets. The first ones have one [`Edge`] each, and so has every 37th after them.
    pub tickets: u64,
    /// At most so many messages follow the first one of an ordinary ticket.
    pub conversations_max: u64,
    /// So many tickets were changed within one second.
    pub changed_at_once: u64,
    /// When the account is; its tickets are older.
    pub now: Timestamp,
}

impl Default for Sample {
    /// 60 tickets with up to six messages each, before 5 January 2026.
    fn default() -> Self {
        Self {
            seed: 7,
            tickets: 60,
            conversations_max: 6,
            changed_at_once: 0,
            now: Timestamp::from_second(1_767_580_200).unwrap_or_default(),
        }
    }
}

impl Sample {
    /// The whole account.
    pub fn records(&self) -> Records {
        let numbered = |count: u64| 0..count;
        let tickets = (1..=self.tickets).map(|number| (number, self.ticket(number)));
        let rated = (1..=self.tickets).filter(|number| number.is_multiple_of(5));
        let timed = (1..=self.tickets).filter(|number| number.is_multiple_of(7));
        Records {
            tickets: tickets.collect(),
            contacts: numbered(self.contacts())
                .map(|index| (CONTACTS_FROM + index, self.contact(index)))
                .collect(),
            companies: numbered(self.companies())
                .map(|index| (COMPANIES_FROM + index, self.company(index)))
                .collect(),
            agents: numbered(AGENTS)
                .map(|index| (AGENTS_FROM + index, self.agent(index)))
                .collect(),
            groups: [(0, "Vận hành"), (1, "Thanh toán")]
                .map(|(index, name)| (GROUPS_FROM + index, self.group(index, name)))
                .into(),
            ratings: rated
                .map(|number| (6_000_000 + number, self.rating(number)))
                .collect(),
            time_entries: timed
                .map(|number| (7_000_000 + number, self.time_entry(number)))
                .collect(),
        }
    }

    /// How many contacts it has.
    pub fn contacts(&self) -> u64 {
        (self.tickets / 3).max(12)
    }

    /// How many companies it has.
    pub fn companies(&self) -> u64 {
        (self.tickets / 20).max(4)
    }

    fn random(&self, kind: u64, index: u64) -> fastrand::Rng {
        let mixed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ kind << 56 ^ index;
        let mut random = fastrand::Rng::with_seed(mixed);
        // Seeds that differ in one bit begin alike.
        for _ in 0..3 {
            random.u64(..);
        }
        random
    }

    fn first_at(&self) -> Timestamp {
        self.now - SignedDuration::from_hours(24 * DAYS)
    }

    /// A contact, counted from nought.
    pub fn contact(&self, index: u64) -> Contact {
        let mut random = self.random(1, index);
        let language = pick(&mut random, &Language::ALL);
        let name = language.person(&mut random);
        let email = format!("khach{index}@mail{}.test", random.u8(..9));
        let created_at = self.first_at() + SignedDuration::from_secs(random.i64(0..86_400));
        let has_email = index % 9 != 3;
        Contact {
            id: CONTACTS_FROM + index,
            name,
            email: has_email.then_some(email),
            other_emails: if index % 8 == 1 {
                vec![format!("khach{index}@cu.test")]
            } else {
                Vec::new()
            },
            phone: (!has_email || random.bool()).then(|| phone(&mut random)),
            mobile: None,
            company_id: (index.is_multiple_of(3))
                .then(|| COMPANIES_FROM + random.u64(..self.companies())),
            language: language.code().to_owned(),
            state: match index % 11 {
                7 => ContactState::Unverified,
                8 => ContactState::Blocked,
                9 => ContactState::Deleted,
                _ => ContactState::Verified,
            },
            created_at,
            updated_at: created_at + SignedDuration::from_secs(random.i64(0..86_400 * (DAYS - 2))),
        }
    }

    /// A company, counted from nought.
    pub fn company(&self, index: u64) -> Company {
        let mut random = self.random(2, index);
        let created_at = self.first_at();
        let given = Language::Vietnamese.given_name(&mut random);
        Company {
            id: COMPANIES_FROM + index,
            name: format!("Cửa hàng {given} {}", index + 1),
            domains: match index % 4 {
                3 => Vec::new(),
                _ => vec![format!("cuahang{}.test", index + 1)],
            },
            created_at,
            updated_at: created_at + SignedDuration::from_secs(random.i64(0..86_400 * 100)),
        }
    }

    fn agent(&self, index: u64) -> Agent {
        let mut random = self.random(3, index);
        Agent {
            id: AGENTS_FROM + index,
            name: Language::Vietnamese.person(&mut random),
            email: format!("nhanvien{}@helpdesk.test", index + 1),
            ticket_scope: if index == 5 { 3 } else { 1 },
            is_admin: index == 0,
            group_ids: vec![GROUPS_FROM + index % 2],
        }
    }

    fn group(&self, index: u64, name: &str) -> Group {
        let agents = (0..AGENTS).filter(|agent| agent % 2 == index);
        Group {
            id: GROUPS_FROM + index,
            name: name.to_owned(),
            agent_ids: agents.map(|agent| AGENTS_FROM + agent).collect(),
        }
    }

    fn rating(&self, number: u64) -> Rating {
        let ticket = self.ticket(number);
        let mut random = self.random(4, number);
        let scores = [103, 103, 102, 100, -102, -103];
        Rating {
            id: 6_000_000 + number,
            ticket_id: number,
            user_id: ticket.requester_id,
            score: pick(&mut random, &scores),
            feedback: random.bool().then(|| "Cảm ơn!".to_owned()),
            created_at: ticket.updated_at,
        }
    }

    fn time_entry(&self, number: u64) -> TimeEntry {
        let mut random = self.random(5, number);
        TimeEntry {
            id: 7_000_000 + number,
            ticket_id: number,
            agent_id: AGENTS_FROM + random.u64(..AGENTS),
            minutes: random.u64(1..200),
            executed_at: self.ticket(number).created_at,
        }
    }

    /// A ticket, by its number from 1 on. Needs no other ticket, so that any number can be made one by one.
    pub fn ticket(&self, number: u64) -> Ticket {
        let mut random = self.random(6, number);
        let contact = self.contact(random.u64(..self.contacts()));
        let language = Language::of_code(&contact.language);
        let share = i64::try_from(number).unwrap_or_default() * 86_400 * (DAYS - 30)
            / i64::try_from(self.tickets.max(1)).unwrap_or(1);
        let created_at =
            self.first_at() + SignedDuration::from_secs(86_400 + share + random.i64(0..3600));
        let item = language.item(&mut random);
        let statuses = [2, 3, 4, 5, 5, 5, 6, 8];
        let mut ticket = Ticket {
            number,
            internal_id: 81_000_000_000 + number * 13,
            subject: language.subject(&mut random, item),
            description: language.first_message(&mut random, item, &contact.name),
            status: pick(&mut random, &statuses),
            priority: random.i64(1..=4),
            source: pick(&mut random, &[1, 1, 1, 2, 3, 9]),
            kind: random
                .bool()
                .then(|| pick(&mut random, &["Câu hỏi", "Khiếu nại", "Problem"]).to_owned()),
            requester_id: contact.id,
            responder_id: (random.u8(..5) > 0).then(|| AGENTS_FROM + random.u64(..AGENTS)),
            group_id: Some(GROUPS_FROM + random.u64(..2)),
            company_id: contact.company_id,
            to_emails: json!(["hotro@helpdesk.test"]),
            cc_emails: json!([]),
            tags: TAGS
                .iter()
                .take(random.usize(..3))
                .map(|tag| (*tag).to_owned())
                .collect(),
            custom_fields: custom_fields(&mut random),
            association: None,
            place: Place::Inbox,
            stats: Stats::default(),
            attachments: Vec::new(),
            conversations: Vec::new(),
            created_at,
            updated_at: created_at,
        };
        self.follow_up(&mut ticket, &contact, &mut random);
        settle(&mut ticket, &mut random);
        if let Some(edge) = edges::edge_of(number) {
            edges::apply(edge, &mut ticket, &mut random);
        }
        let bulk_from = Edge::ALL.len() as u64;
        if number > bulk_from && number <= bulk_from + self.changed_at_once {
            ticket.updated_at = self.now - SignedDuration::from_hours(24 * 10);
        }
        ticket
    }

    fn follow_up(&self, ticket: &mut Ticket, contact: &Contact, random: &mut fastrand::Rng) {
        let language = Language::of_code(&contact.language);
        let count = random.u64(..=self.conversations_max);
        for place in 0..count {
            let is_incoming = place % 2 == 1;
            let is_private = !is_incoming && random.u8(..4) == 0;
            // Some follow within the same second.
            let pause = random.i64(0..4) * random.i64(0..40_000);
            let last = ticket.conversations.last();
            let after = last.map_or(ticket.created_at, |last| last.created_at);
            let agent = ticket.responder_id.unwrap_or(AGENTS_FROM);
            let id = 910_000_000 + ticket.number * 100 + place;
            let attachments = match random.u8(..6) {
                0 => vec![attachment(
                    id,
                    language.file_name(),
                    200 + random.u64(..3000),
                )],
                _ => Vec::new(),
            };
            ticket.conversations.push(Conversation {
                id,
                body: language.reply(random, is_incoming),
                incoming: is_incoming,
                private: is_private,
                source: if is_private { 2 } else { 0 },
                user_id: Some(if is_incoming { contact.id } else { agent }),
                from_email: if is_incoming {
                    contact.email.clone()
                } else {
                    None
                },
                to_emails: json!(["hotro@helpdesk.test"]),
                auto_response: false,
                deleted: false,
                attachments,
                created_at: after + SignedDuration::from_secs(pause),
            });
        }
    }
}

/// Sets what follows from the messages: when it was last changed, answered, solved.
fn settle(ticket: &mut Ticket, random: &mut fastrand::Rng) {
    let last_at = ticket.conversations.last().map(|last| last.created_at);
    let last_at =
        last_at.unwrap_or(ticket.created_at) + SignedDuration::from_secs(random.i64(0..9000));
    let first_answer = ticket
        .conversations
        .iter()
        .find(|item| !item.incoming && !item.private);
    ticket.stats.first_responded_at = first_answer.map(|item| item.created_at);
    ticket.stats.status_updated_at = Some(last_at);
    if ticket.status >= 4 && ticket.status <= 5 {
        ticket.stats.resolved_at = Some(last_at);
    }
    if ticket.status == 5 {
        ticket.stats.closed_at = Some(last_at);
    }
    ticket.updated_at = last_at;
}

fn attachment(id: u64, name: &str, size: u64) -> Attachment {
    Attachment {
        id: id * 10,
        name: name.to_owned(),
        content_type: if name.ends_with(".png") {
            "image/png"
        } else {
            "application/pdf"
        }
        .to_owned(),
        size,
    }
}

fn phone(random: &mut fastrand::Rng) -> String {
    format!("+8490{:07}", random.u32(..10_000_000))
}

fn custom_fields(random: &mut fastrand::Rng) -> Map<String, Value> {
    let mut fields = Map::new();
    let code = random
        .bool()
        .then(|| format!("DH{:06}", random.u32(..1_000_000)));
    fields.insert("order_code".to_owned(), code.into());
    fields.insert(
        "channel".to_owned(),
        pick(random, &["Web", "Store", "Sàn"]).into(),
    );
    fields.insert("area".to_owned(), "Giao hàng".into());
    fields.insert("area_part".to_owned(), "Chậm".into());
    fields.insert("area_detail".to_owned(), Value::Null);
    fields
}
