//! The decision points: where a user's own decision is asked for, under which names, and what is said and answered.

mod contract;
mod members;
mod table;

pub(crate) use self::members::FILTER;
pub use self::{
    contract::{Action, Cancel, Contract, Generation},
    table::{CONTRACTS, contract},
};

/// A moment at which a user's own decision is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Point {
    /// An internal number is about to be looked up among users.
    UserPhone,
    /// A client's number is about to be used.
    ClientPhone,
    /// Whether a call is told to the CRM.
    NeedRegistration,
    /// The CRM is about to be searched for the client.
    SearchParams,
    /// Which of the found entities a call belongs to.
    SearchFilter,
    /// An entity is about to be made for an unknown client.
    EntityCreationParams,
    /// A call is about to be registered.
    RegistrationParams,
    /// A call was registered.
    PostRegistration,
    /// The call's card is about to be shown.
    ShowCallCard,
    /// A recording is about to be looked for.
    RecordFilePath,
    /// A call is about to be finished in the CRM.
    FinalParams,
    /// A recording is about to be attached.
    AttachRecordUrl,
    /// The fields of the call's activity.
    ActivityFields,
    /// The fields of the call's entity.
    EntityFields,
    /// A task about a missed call is about to be made.
    TaskCreationParams,
    /// A click in the CRM is about to become a call.
    OriginateParams,
    /// The dialplan asks who is to be rung.
    Autodistribution,
    /// Under which values a customer is looked up.
    ProfileCandidates,
    /// Which of several found companies a customer is.
    ProfileCompany,
    /// By which routes an event is sent on.
    EventRoute,
    /// The fields of a ticket that is about to be written.
    TicketFields,
    /// The fields of a contact that is about to be written.
    ContactFields,
    /// The fields of a customer that is about to be written.
    CustomerFields,
    /// A record of another helpdesk that is about to be written.
    ImportRecord,
}

/// What comes by a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flow {
    /// A call of a PBX.
    Call,
    /// The profile of a ticket's customer.
    Profile,
    /// An event of the contact centre.
    Event,
    /// A record of another helpdesk.
    Import,
}

impl Point {
    /// What comes by it.
    pub fn flow(self) -> Flow {
        match self {
            Self::ProfileCandidates | Self::ProfileCompany => Flow::Profile,
            Self::EventRoute | Self::TicketFields | Self::ContactFields | Self::CustomerFields => {
                Flow::Event
            }
            Self::ImportRecord => Flow::Import,
            Self::UserPhone
            | Self::ClientPhone
            | Self::NeedRegistration
            | Self::SearchParams
            | Self::SearchFilter
            | Self::EntityCreationParams
            | Self::RegistrationParams
            | Self::PostRegistration
            | Self::ShowCallCard
            | Self::RecordFilePath
            | Self::FinalParams
            | Self::AttachRecordUrl
            | Self::ActivityFields
            | Self::EntityFields
            | Self::TaskCreationParams
            | Self::OriginateParams
            | Self::Autodistribution => Flow::Call,
        }
    }

    /// All of them, in the order in which a call, a profile, an event and an import come by.
    pub const ALL: [Self; 24] = [
        Self::UserPhone,
        Self::ClientPhone,
        Self::NeedRegistration,
        Self::SearchParams,
        Self::SearchFilter,
        Self::EntityCreationParams,
        Self::RegistrationParams,
        Self::PostRegistration,
        Self::ShowCallCard,
        Self::RecordFilePath,
        Self::FinalParams,
        Self::AttachRecordUrl,
        Self::ActivityFields,
        Self::EntityFields,
        Self::TaskCreationParams,
        Self::OriginateParams,
        Self::Autodistribution,
        Self::ProfileCandidates,
        Self::ProfileCompany,
        Self::EventRoute,
        Self::TicketFields,
        Self::ContactFields,
        Self::CustomerFields,
        Self::ImportRecord,
    ];

    /// Its contracts, the most precise one first.
    pub fn contracts(self) -> impl Iterator<Item = &'static Contract> {
        CONTRACTS
            .iter()
            .filter(move |contract| contract.points.contains(&self))
    }

    /// The name of its first contract.
    pub fn name(self) -> &'static str {
        self.contracts().next().map_or("", |contract| contract.name)
    }
}

#[cfg(test)]
mod tests;
