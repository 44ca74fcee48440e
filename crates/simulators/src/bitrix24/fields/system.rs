//! The system fields of each kind of record, as the portal documents them.

use super::{Access, Kind};

/// One system field.
#[derive(Debug)]
pub(crate) struct System {
    pub name: &'static str,
    /// Empty for multifields, which `crm.item.*` only knows together as `fm`.
    pub item_name: &'static str,
    pub kind: Kind,
    pub title: &'static str,
    pub access: Access,
    pub is_required: bool,
    pub is_multiple: bool,
}

impl System {
    const fn read_only(mut self) -> Self {
        self.access = Access::ReadOnly;
        self
    }

    const fn immutable(mut self) -> Self {
        self.access = Access::Immutable;
        self
    }

    const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    const fn multiple(mut self) -> Self {
        self.is_multiple = true;
        self
    }
}

/// A field that anybody may write.
const fn f(name: &'static str, item_name: &'static str, kind: Kind, title: &'static str) -> System {
    System {
        name,
        item_name,
        kind,
        title,
        access: Access::Write,
        is_required: false,
        is_multiple: false,
    }
}

const ID: System = f("ID", "id", Kind::Integer, "ID").read_only();
const TITLE: System = f("TITLE", "title", Kind::Text, "Title");
const COMMENTS: System = f("COMMENTS", "comments", Kind::Text, "Comment");
const OPENED: System = f("OPENED", "opened", Kind::Flag, "Available to everyone");
const HAS_PHONE: System = f("HAS_PHONE", "hasPhone", Kind::Flag, "Has a phone").read_only();
const HAS_EMAIL: System = f("HAS_EMAIL", "hasEmail", Kind::Flag, "Has an e-mail").read_only();
const HAS_IMOL: System = f("HAS_IMOL", "hasImol", Kind::Flag, "Has an open line").read_only();
const ASSIGNED: System = f("ASSIGNED_BY_ID", "assignedById", Kind::User, "Responsible");
const CREATED_BY: System = f("CREATED_BY_ID", "createdBy", Kind::User, "Created by").read_only();
const MODIFY_BY: System = f("MODIFY_BY_ID", "updatedBy", Kind::User, "Modified by").read_only();
const CREATED: System = f("DATE_CREATE", "createdTime", Kind::DateTime, "Created").read_only();
const MODIFIED: System = f("DATE_MODIFY", "updatedTime", Kind::DateTime, "Modified").read_only();
const LEAD: System = f("LEAD_ID", "leadId", Kind::Lead, "Lead");
const COMPANY_LINK: System = f("COMPANY_ID", "companyId", Kind::Company, "Company");
const CONTACT_LINK: System = f("CONTACT_ID", "contactId", Kind::Contact, "Contact");
const CURRENCY: System = f("CURRENCY_ID", "currencyId", Kind::Currency, "Currency");
const OPPORTUNITY: System = f("OPPORTUNITY", "opportunity", Kind::Double, "Amount");
const SOURCE: System = f("SOURCE_ID", "sourceId", Kind::Status("SOURCE"), "Source");
const ORIGINATOR: System = f(
    "ORIGINATOR_ID",
    "originatorId",
    Kind::Text,
    "External source",
);
const ORIGIN: System = f(
    "ORIGIN_ID",
    "originId",
    Kind::Text,
    "Id in the external source",
);
const ORIGIN_VERSION: System = f(
    "ORIGIN_VERSION",
    "originVersion",
    Kind::Text,
    "Version there",
);
const ACTIVE_BY: System = f(
    "LAST_ACTIVITY_BY",
    "lastActivityBy",
    Kind::User,
    "Last active",
);
const ACTIVE_AT: System = f(
    "LAST_ACTIVITY_TIME",
    "lastActivityTime",
    Kind::DateTime,
    "Last activity",
);
const MOVED_BY: System = f("MOVED_BY_ID", "movedBy", Kind::User, "Moved by").read_only();
const MOVED_AT: System = f("MOVED_TIME", "movedTime", Kind::DateTime, "Moved").read_only();
const PHONE: System = f("PHONE", "", Kind::Multifield, "Phone");
const EMAIL: System = f("EMAIL", "", Kind::Multifield, "E-mail");
const WEB: System = f("WEB", "", Kind::Multifield, "Site");
const IM: System = f("IM", "", Kind::Multifield, "Messenger");
const SOURCE_TEXT: System = f(
    "SOURCE_DESCRIPTION",
    "sourceDescription",
    Kind::Text,
    "About the source",
);
const MANUAL: System = f(
    "IS_MANUAL_OPPORTUNITY",
    "isManualOpportunity",
    Kind::Flag,
    "Amount set by hand",
);
const RETURNING: System = f(
    "IS_RETURN_CUSTOMER",
    "isReturnCustomer",
    Kind::Flag,
    "Returning customer",
)
.read_only();
const UTM_SOURCE: System = f("UTM_SOURCE", "utmSource", Kind::Text, "Advertising system");
const UTM_MEDIUM: System = f("UTM_MEDIUM", "utmMedium", Kind::Text, "Kind of traffic");
const UTM_CAMPAIGN: System = f("UTM_CAMPAIGN", "utmCampaign", Kind::Text, "Campaign");

/// Companies.
pub(crate) const COMPANY: &[System] = &[
    ID,
    f(
        "COMPANY_TYPE",
        "typeId",
        Kind::Status("COMPANY_TYPE"),
        "Company type",
    ),
    f("TITLE", "title", Kind::Text, "Company name").required(),
    f("LOGO", "logo", Kind::File, "Logo"),
    LEAD,
    HAS_PHONE,
    HAS_EMAIL,
    HAS_IMOL,
    ASSIGNED,
    CREATED_BY,
    MODIFY_BY,
    f("BANKING_DETAILS", "bankingDetails", Kind::Text, "Bank"),
    f("INDUSTRY", "industry", Kind::Status("INDUSTRY"), "Industry"),
    f("REVENUE", "revenue", Kind::Double, "Annual revenue"),
    CURRENCY,
    f(
        "EMPLOYEES",
        "employees",
        Kind::Status("EMPLOYEES"),
        "Employees",
    ),
    COMMENTS,
    CREATED,
    MODIFIED,
    OPENED,
    f("IS_MY_COMPANY", "isMyCompany", Kind::Flag, "My company").immutable(),
    ORIGINATOR,
    ORIGIN,
    ORIGIN_VERSION,
    f("ADDRESS", "address", Kind::Text, "Address"),
    f("ADDRESS_2", "address2", Kind::Text, "Address (line 2)"),
    f("ADDRESS_CITY", "addressCity", Kind::Text, "City"),
    f(
        "ADDRESS_POSTAL_CODE",
        "addressPostalCode",
        Kind::Text,
        "Postal code",
    ),
    f("ADDRESS_REGION", "addressRegion", Kind::Text, "District"),
    f(
        "ADDRESS_PROVINCE",
        "addressProvince",
        Kind::Text,
        "Province",
    ),
    f("ADDRESS_COUNTRY", "addressCountry", Kind::Text, "Country"),
    f(
        "ADDRESS_COUNTRY_CODE",
        "addressCountryCode",
        Kind::Text,
        "Country code",
    ),
    f("ADDRESS_LEGAL", "addressLegal", Kind::Text, "Legal address"),
    UTM_SOURCE,
    UTM_MEDIUM,
    UTM_CAMPAIGN,
    ACTIVE_BY,
    ACTIVE_AT,
    f("CONTACT_ID", "contactIds", Kind::Contact, "Contacts").multiple(),
    PHONE,
    EMAIL,
    WEB,
    IM,
];

/// Contacts.
pub(crate) const CONTACT: &[System] = &[
    ID,
    f("POST", "post", Kind::Text, "Position"),
    COMMENTS,
    f(
        "HONORIFIC",
        "honorific",
        Kind::Status("HONORIFIC"),
        "Salutation",
    ),
    f("NAME", "name", Kind::Text, "First name").required(),
    f("SECOND_NAME", "secondName", Kind::Text, "Second name"),
    f("LAST_NAME", "lastName", Kind::Text, "Last name").required(),
    f("PHOTO", "photo", Kind::File, "Photo"),
    LEAD,
    f(
        "TYPE_ID",
        "typeId",
        Kind::Status("CONTACT_TYPE"),
        "Contact type",
    ),
    SOURCE,
    SOURCE_TEXT,
    COMPANY_LINK,
    f("BIRTHDATE", "birthdate", Kind::Date, "Date of birth"),
    f("EXPORT", "export", Kind::Flag, "In exports"),
    HAS_PHONE,
    HAS_EMAIL,
    HAS_IMOL,
    CREATED,
    MODIFIED,
    ASSIGNED,
    CREATED_BY,
    MODIFY_BY,
    OPENED,
    ORIGINATOR,
    ORIGIN,
    ORIGIN_VERSION,
    UTM_SOURCE,
    UTM_MEDIUM,
    UTM_CAMPAIGN,
    ACTIVE_BY,
    ACTIVE_AT,
    PHONE,
    EMAIL,
    WEB,
    IM,
];

/// Leads.
pub(crate) const LEADS: &[System] = &[
    ID,
    TITLE,
    f(
        "HONORIFIC",
        "honorific",
        Kind::Status("HONORIFIC"),
        "Salutation",
    ),
    f("NAME", "name", Kind::Text, "First name"),
    f("SECOND_NAME", "secondName", Kind::Text, "Second name"),
    f("LAST_NAME", "lastName", Kind::Text, "Last name"),
    f("COMPANY_TITLE", "companyTitle", Kind::Text, "Company name"),
    COMPANY_LINK,
    CONTACT_LINK,
    RETURNING,
    f("BIRTHDATE", "birthdate", Kind::Date, "Date of birth"),
    SOURCE,
    SOURCE_TEXT,
    f("STATUS_ID", "stageId", Kind::Status("STATUS"), "Stage"),
    f(
        "STATUS_DESCRIPTION",
        "statusDescription",
        Kind::Text,
        "About the stage",
    ),
    f("POST", "post", Kind::Text, "Position"),
    COMMENTS,
    CURRENCY,
    OPPORTUNITY,
    MANUAL,
    HAS_PHONE,
    HAS_EMAIL,
    HAS_IMOL,
    ASSIGNED,
    CREATED_BY,
    MODIFY_BY,
    MOVED_BY,
    CREATED,
    MODIFIED,
    f("DATE_CLOSED", "dateClosed", Kind::DateTime, "Closed").read_only(),
    MOVED_AT,
    f(
        "STATUS_SEMANTIC_ID",
        "stageSemanticId",
        Kind::Text,
        "Outcome",
    )
    .read_only(),
    OPENED,
    ORIGINATOR,
    ORIGIN,
    UTM_SOURCE,
    UTM_MEDIUM,
    UTM_CAMPAIGN,
    ACTIVE_BY,
    ACTIVE_AT,
    PHONE,
    EMAIL,
    WEB,
    IM,
];

/// Deals.
pub(crate) const DEAL: &[System] = &[
    ID,
    TITLE,
    f("TYPE_ID", "typeId", Kind::Status("DEAL_TYPE"), "Deal type"),
    f("CATEGORY_ID", "categoryId", Kind::Category, "Pipeline").immutable(),
    f("STAGE_ID", "stageId", Kind::Status("DEAL_STAGE"), "Stage"),
    f(
        "STAGE_SEMANTIC_ID",
        "stageSemanticId",
        Kind::Text,
        "Outcome",
    )
    .read_only(),
    f("IS_NEW", "isNew", Kind::Flag, "New").read_only(),
    f("IS_RECURRING", "isRecurring", Kind::Flag, "Recurring"),
    RETURNING,
    f("PROBABILITY", "probability", Kind::Integer, "Probability"),
    CURRENCY,
    OPPORTUNITY,
    MANUAL,
    f("TAX_VALUE", "taxValue", Kind::Double, "Tax"),
    LEAD,
    COMPANY_LINK,
    CONTACT_LINK,
    f("QUOTE_ID", "quoteId", Kind::Integer, "Quote"),
    f("BEGINDATE", "begindate", Kind::Date, "Begins"),
    f("CLOSEDATE", "closedate", Kind::Date, "Ends"),
    OPENED,
    f("CLOSED", "closed", Kind::Flag, "Closed").read_only(),
    COMMENTS,
    f(
        "ADDITIONAL_INFO",
        "additionalInfo",
        Kind::Text,
        "More about it",
    ),
    ASSIGNED,
    CREATED_BY,
    MODIFY_BY,
    MOVED_BY,
    CREATED,
    MODIFIED,
    MOVED_AT,
    SOURCE,
    SOURCE_TEXT,
    ORIGINATOR,
    ORIGIN,
    UTM_SOURCE,
    UTM_MEDIUM,
    UTM_CAMPAIGN,
    ACTIVE_BY,
    ACTIVE_AT,
];

/// Users.
pub(crate) const USER: &[System] = &[
    ID,
    f("XML_ID", "xmlId", Kind::Text, "External code"),
    f("ACTIVE", "active", Kind::Boolean, "Active"),
    f("NAME", "name", Kind::Text, "First name"),
    f("LAST_NAME", "lastName", Kind::Text, "Last name"),
    f("SECOND_NAME", "secondName", Kind::Text, "Second name"),
    f("TITLE", "title", Kind::Text, "Title"),
    f("EMAIL", "email", Kind::Text, "E-mail"),
    f("LAST_LOGIN", "lastLogin", Kind::DateTime, "Last login"),
    f(
        "DATE_REGISTER",
        "dateRegister",
        Kind::DateTime,
        "Registered",
    ),
    f("TIME_ZONE", "timeZone", Kind::Text, "Time zone"),
    f("IS_ONLINE", "isOnline", Kind::Flag, "Online"),
    f("TIMESTAMP_X", "timestampX", Kind::Opaque, "Changed"),
    f(
        "LAST_ACTIVITY_DATE",
        "lastActivityDate",
        Kind::Opaque,
        "Last activity",
    ),
    f("PERSONAL_GENDER", "personalGender", Kind::Text, "Gender"),
    f("PERSONAL_MOBILE", "personalMobile", Kind::Text, "Mobile"),
    f("PERSONAL_PHONE", "personalPhone", Kind::Text, "Phone"),
    f("WORK_PHONE", "workPhone", Kind::Text, "Work phone"),
    f("WORK_POSITION", "workPosition", Kind::Text, "Position"),
    f("UF_DEPARTMENT", "ufDepartment", Kind::Opaque, "Departments"),
    f(
        "UF_PHONE_INNER",
        "ufPhoneInner",
        Kind::Text,
        "Internal number",
    ),
    f("USER_TYPE", "userType", Kind::Text, "Kind of user"),
];

/// Activities.
pub(crate) const ACTIVITY: &[System] = &[
    ID,
    f("OWNER_ID", "ownerId", Kind::Integer, "Owner"),
    f(
        "OWNER_TYPE_ID",
        "ownerTypeId",
        Kind::Integer,
        "Owner's type",
    ),
    f("TYPE_ID", "typeId", Kind::Integer, "Type"),
    f("PROVIDER_ID", "providerId", Kind::Text, "Provider"),
    f(
        "PROVIDER_TYPE_ID",
        "providerTypeId",
        Kind::Text,
        "Provider's type",
    ),
    f("SUBJECT", "subject", Kind::Text, "Subject"),
    f("CREATED", "created", Kind::DateTime, "Created").read_only(),
    f(
        "LAST_UPDATED",
        "lastUpdated",
        Kind::DateTime,
        "Last updated",
    )
    .read_only(),
    f("START_TIME", "startTime", Kind::DateTime, "Starts"),
    f("END_TIME", "endTime", Kind::DateTime, "Ends"),
    f("DEADLINE", "deadline", Kind::DateTime, "Deadline"),
    f("COMPLETED", "completed", Kind::Flag, "Completed"),
    f("STATUS", "status", Kind::Integer, "Status").read_only(),
    f("RESPONSIBLE_ID", "responsibleId", Kind::User, "Responsible"),
    f("PRIORITY", "priority", Kind::Integer, "Priority"),
    f("NOTIFY_TYPE", "notifyType", Kind::Integer, "Reminder in"),
    f("NOTIFY_VALUE", "notifyValue", Kind::Integer, "Reminder"),
    f("DESCRIPTION", "description", Kind::Text, "Description"),
    f(
        "DESCRIPTION_TYPE",
        "descriptionType",
        Kind::Integer,
        "Kind of description",
    ),
    f("DIRECTION", "direction", Kind::Integer, "Direction"),
    f("LOCATION", "location", Kind::Text, "Place"),
    f(
        "ORIGINATOR_ID",
        "originatorId",
        Kind::Text,
        "External source",
    ),
    f("ORIGIN_ID", "originId", Kind::Text, "Id there"),
    f("AUTHOR_ID", "authorId", Kind::User, "Author").read_only(),
    f("EDITOR_ID", "editorId", Kind::User, "Editor").read_only(),
    f(
        "COMMUNICATIONS",
        "communications",
        Kind::Opaque,
        "Communications",
    )
    .multiple(),
];

/// Comments in a timeline.
pub(crate) const COMMENT: &[System] = &[
    ID,
    f("ENTITY_ID", "entityId", Kind::Integer, "Record"),
    f("ENTITY_TYPE", "entityType", Kind::Text, "Record's type"),
    f("CREATED", "created", Kind::DateTime, "Created"),
    f("COMMENT", "comment", Kind::Text, "Comment"),
    f("AUTHOR_ID", "authorId", Kind::User, "Author"),
    f("FILES", "files", Kind::Opaque, "Files"),
];

/// Moves of leads from stage to stage.
pub(crate) const LEAD_HISTORY: &[System] = &[
    ID,
    f("TYPE_ID", "typeId", Kind::Integer, "Kind of entry"),
    f("OWNER_ID", "ownerId", Kind::Integer, "Lead"),
    f("CREATED_TIME", "createdTime", Kind::DateTime, "When"),
    f(
        "STATUS_SEMANTIC_ID",
        "statusSemanticId",
        Kind::Text,
        "Outcome",
    ),
    f("STATUS_ID", "statusId", Kind::Text, "Stage"),
];

/// Moves of deals from stage to stage.
pub(crate) const DEAL_HISTORY: &[System] = &[
    ID,
    f("TYPE_ID", "typeId", Kind::Integer, "Kind of entry"),
    f("OWNER_ID", "ownerId", Kind::Integer, "Deal"),
    f("CREATED_TIME", "createdTime", Kind::DateTime, "When"),
    f("CATEGORY_ID", "categoryId", Kind::Integer, "Pipeline"),
    f(
        "STAGE_SEMANTIC_ID",
        "stageSemanticId",
        Kind::Text,
        "Outcome",
    ),
    f("STAGE_ID", "stageId", Kind::Text, "Stage"),
];

/// Entries of directories: stages, sources, types.
pub(crate) const STATUS: &[System] = &[
    ID,
    f("ENTITY_ID", "entityId", Kind::Text, "Directory"),
    f("STATUS_ID", "statusId", Kind::Text, "Code"),
    f("NAME", "name", Kind::Text, "Name"),
    f("NAME_INIT", "nameInit", Kind::Text, "Name at first"),
    f("SORT", "sort", Kind::Integer, "Order"),
    f("SYSTEM", "system", Kind::Flag, "Built in"),
    f("CATEGORY_ID", "categoryId", Kind::Category, "Pipeline"),
    f("COLOR", "color", Kind::Text, "Colour"),
    f("SEMANTICS", "semantics", Kind::Text, "Outcome"),
    f("EXTRA", "extra", Kind::Opaque, "More"),
];

/// Tasks.
pub(crate) const TASK: &[System] = &[
    ID,
    f("TITLE", "title", Kind::Text, "Title").required(),
    f("DESCRIPTION", "description", Kind::Text, "Description"),
    f("DEADLINE", "deadline", Kind::DateTime, "Deadline"),
    f("CREATED_BY", "createdBy", Kind::User, "Creator"),
    f("RESPONSIBLE_ID", "responsibleId", Kind::User, "Assignee").required(),
    f("PRIORITY", "priority", Kind::Integer, "Priority"),
    f("GROUP_ID", "groupId", Kind::Integer, "Group"),
    f("XML_ID", "xmlId", Kind::Text, "External code"),
    f("STATUS", "subStatus", Kind::Integer, "Status for sorting").read_only(),
    f("REAL_STATUS", "status", Kind::Integer, "Status").read_only(),
    f("CREATED_DATE", "createdDate", Kind::DateTime, "Created").read_only(),
    f("CHANGED_DATE", "changedDate", Kind::DateTime, "Changed").read_only(),
    f("CLOSED_DATE", "closedDate", Kind::DateTime, "Closed").read_only(),
    f("UF_CRM_TASK", "ufCrmTask", Kind::Text, "CRM records").multiple(),
];

/// Calls as the statistics show them.
pub(crate) const STATISTIC: &[System] = &[
    ID,
    f("CALL_ID", "", Kind::Text, "Call"),
    f(
        "EXTERNAL_CALL_ID",
        "",
        Kind::Text,
        "Call in the external system",
    ),
    f("PORTAL_USER_ID", "", Kind::User, "Employee"),
    f("PORTAL_NUMBER", "", Kind::Text, "Line"),
    f("PHONE_NUMBER", "", Kind::Text, "Number"),
    f("CALL_TYPE", "", Kind::Integer, "Type"),
    f("CALL_CATEGORY", "", Kind::Text, "Category"),
    f("CALL_DURATION", "", Kind::Integer, "Duration"),
    f("CALL_START_DATE", "", Kind::DateTime, "Began"),
    f("CALL_VOTE", "", Kind::Integer, "Rating"),
    f("COST", "", Kind::Double, "Cost"),
    f("COST_CURRENCY", "", Kind::Text, "Currency"),
    f("CALL_FAILED_CODE", "", Kind::Text, "Status"),
    f("CALL_FAILED_REASON", "", Kind::Text, "Reason"),
    f("CRM_ENTITY_TYPE", "", Kind::Text, "Kind of record"),
    f("CRM_ENTITY_ID", "", Kind::Integer, "Record"),
    f("CRM_ACTIVITY_ID", "", Kind::Integer, "Activity"),
    f("REST_APP_ID", "", Kind::Integer, "Application"),
    f("REST_APP_NAME", "", Kind::Text, "Application's name"),
    f("RECORD_FILE_ID", "", Kind::Integer, "Recording"),
    f("RECORD_DURATION", "", Kind::Integer, "Recording's length"),
    f("TRANSCRIPT_ID", "", Kind::Integer, "Transcription"),
    f("SESSION_ID", "", Kind::Integer, "Session"),
    f("COMMENT", "", Kind::Text, "Comment"),
];
