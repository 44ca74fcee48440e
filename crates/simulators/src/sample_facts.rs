//! What the sample helpdesk and the sample CRM say about the same shops.
//!
//! Both samples are built from these tables, so that a ticket of the one can be found in the other. All
//! shops, people, addresses and numbers are invented.
//!
//! Not here: what only one of the two systems knows (subjects, priorities, stages, owners).

/// A shop as both systems know it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shop {
    /// The name, without any number: Bitrix24's `UF_CRM_STORENAME`.
    pub shop_name: &'static str,
    /// Bitrix24's own `ID` of the company; `None` when the CRM has no such company.
    pub bitrix_company: Option<u32>,
    /// Bitrix24's `UF_CRM_COMPANY_ID`, the number that helpdesks write behind a shop's name.
    pub company_id: &'static str,
    /// Bitrix24's `UF_CRM_HARAVAN_ORG_ID`.
    pub org_id: &'static str,
    /// The shop's web address without a scheme; `HD Customer.domain` and Bitrix24's `WEB`.
    pub domain: &'static str,
    /// The person who writes to the helpdesk.
    pub contact_name: &'static str,
    /// Bitrix24's own `ID` of that person; `None` when the CRM has no such contact.
    pub bitrix_contact: Option<u32>,
    /// That person's e-mail address as the helpdesk has it.
    pub email_in_helpdesk: &'static str,
    /// The same address as the CRM has it; empty when the CRM has none.
    pub email_in_crm: &'static str,
    /// That person's phone number as the helpdesk has it; empty when it has none.
    pub phone_in_helpdesk: &'static str,
    /// The same number as the CRM has it, which may be written in another format; empty when it has none.
    pub phone_in_crm: &'static str,
    /// Which employee of [`RESPONSIBLE`] looks after the company; `None` when nobody does.
    pub responsible: Option<u32>,
    /// What the helpdesk's ticket about this shop shows.
    pub case: Case,
}

/// How the customer of a sample ticket can be found in the CRM, or why not.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Case {
    /// The ticket carries `custom_haravan_profile_orgid`.
    ProfileOrgId,
    /// Only the customer's `custom_haravan_orgid` leads to the company.
    CustomerOrgId,
    /// Only the number behind the customer's name leads to the company.
    CustomerName,
    /// Only the contact's e-mail address leads to the company.
    ContactEmail,
    /// Only the contact's phone number does, and the CRM writes it in another format.
    ContactPhone,
    /// Only the customer's domain leads to the company.
    CustomerDomain,
    /// The ticket names a company that the CRM does not have.
    UnknownCompany,
    /// The ticket belongs to a team, and other teams may be kept from reading it.
    RestrictedTeam,
    /// Two companies of the CRM carry the number; both rows of [`SHOPS`] say this.
    Ambiguous,
    /// The company's responsible employee has left.
    InactiveResponsible,
    /// A customer wrote through the portal, so that the ticket's owner is not an agent.
    Portal,
    /// The helpdesk has no customer, no contact and no number: there is nothing to look for.
    Nothing,
}

impl Case {
    /// Every case, in the order of the tickets that show them.
    pub const ALL: [Self; 12] = [
        Self::ProfileOrgId,
        Self::CustomerOrgId,
        Self::CustomerName,
        Self::ContactEmail,
        Self::ContactPhone,
        Self::CustomerDomain,
        Self::UnknownCompany,
        Self::RestrictedTeam,
        Self::Ambiguous,
        Self::InactiveResponsible,
        Self::Portal,
        Self::Nothing,
    ];

    /// The number in the name of the sample ticket that shows this case: 1 stands for `0001`.
    pub const fn ticket(self) -> u32 {
        match self {
            Self::ProfileOrgId => 1,
            Self::CustomerOrgId => 2,
            Self::CustomerName => 3,
            Self::ContactEmail => 4,
            Self::ContactPhone => 5,
            Self::CustomerDomain => 6,
            Self::UnknownCompany => 7,
            Self::RestrictedTeam => 8,
            Self::Ambiguous => 9,
            Self::InactiveResponsible => 10,
            Self::Portal => 11,
            Self::Nothing => 12,
        }
    }
}

/// An employee of the CRM who is responsible for companies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Employee {
    /// Bitrix24's `ID` of the user, as in `ASSIGNED_BY_ID`.
    pub bitrix_user: u32,
    /// First name.
    pub name: &'static str,
    /// Last name.
    pub last_name: &'static str,
    /// E-mail address.
    pub email: &'static str,
    /// Whether the employee still works there.
    pub active: bool,
}

/// The employees who are responsible for the shops.
pub const RESPONSIBLE: [Employee; 3] = [
    Employee {
        bitrix_user: 21,
        name: "Thảo",
        last_name: "Lương Minh",
        email: "thao.luong@crm.example",
        active: true,
    },
    Employee {
        bitrix_user: 22,
        name: "Khôi",
        last_name: "Đỗ Đăng",
        email: "khoi.do@crm.example",
        active: true,
    },
    Employee {
        bitrix_user: 23,
        name: "Vy",
        last_name: "Phan Ái",
        email: "vy.phan@crm.example",
        active: false,
    },
];

/// The shops; every [`Case`] but [`Case::Nothing`] has one, [`Case::Ambiguous`] has two.
pub const SHOPS: [Shop; 12] = [
    Shop {
        shop_name: "Tiệm Bánh Mây Trắng",
        bitrix_company: Some(101),
        company_id: "1000071001",
        org_id: "200071001",
        domain: "banhmaytrang.example",
        contact_name: "Nguyễn Thị Hồng Nhung",
        bitrix_contact: Some(301),
        email_in_helpdesk: "nhung@banhmaytrang.example",
        email_in_crm: "nhung@banhmaytrang.example",
        phone_in_helpdesk: "0900000101",
        phone_in_crm: "0900000101",
        responsible: Some(21),
        case: Case::ProfileOrgId,
    },
    Shop {
        shop_name: "Gốm Sứ Đồi Thông",
        bitrix_company: Some(102),
        company_id: "1000071002",
        org_id: "200071002",
        domain: "gomdoithong.example",
        contact_name: "Trần Quốc Bảo",
        bitrix_contact: Some(302),
        email_in_helpdesk: "bao@gomdoithong.example",
        email_in_crm: "bao@gomdoithong.example",
        phone_in_helpdesk: "0900000102",
        phone_in_crm: "+84900000102",
        responsible: Some(22),
        case: Case::CustomerOrgId,
    },
    Shop {
        shop_name: "Cà Phê Sương Sớm",
        bitrix_company: Some(103),
        company_id: "1000071003",
        org_id: "200071003",
        domain: "caphesuongsom.example",
        contact_name: "Lê Hoàng Anh",
        bitrix_contact: Some(303),
        email_in_helpdesk: "hoanganh@caphesuongsom.example",
        email_in_crm: "hoanganh@caphesuongsom.example",
        phone_in_helpdesk: "0900000103",
        phone_in_crm: "0900000103",
        responsible: Some(21),
        case: Case::CustomerName,
    },
    Shop {
        shop_name: "Nhà Sách Vườn Cau",
        bitrix_company: Some(104),
        company_id: "1000071004",
        org_id: "200071004",
        domain: "sachvuoncau.example",
        contact_name: "Phạm Gia Hân",
        bitrix_contact: Some(304),
        email_in_helpdesk: "han.pham@sachvuoncau.example",
        email_in_crm: "han.pham@sachvuoncau.example",
        phone_in_helpdesk: "",
        phone_in_crm: "0900000104",
        responsible: Some(22),
        case: Case::ContactEmail,
    },
    Shop {
        shop_name: "Thời Trang Lụa Vân",
        bitrix_company: Some(105),
        company_id: "1000071005",
        org_id: "200071005",
        domain: "luavan.example",
        contact_name: "Vũ Thanh Tâm",
        bitrix_contact: Some(305),
        email_in_helpdesk: "tam.vu@mail.example",
        email_in_crm: "",
        phone_in_helpdesk: "0900 000 105",
        phone_in_crm: "+84 900-000-105",
        responsible: Some(21),
        case: Case::ContactPhone,
    },
    Shop {
        shop_name: "Nội Thất Gỗ Trầm",
        bitrix_company: Some(106),
        company_id: "1000071006",
        org_id: "200071006",
        domain: "gotram.example",
        contact_name: "Hoàng Đức Thịnh",
        bitrix_contact: None,
        email_in_helpdesk: "thinh@gotram.example",
        email_in_crm: "",
        phone_in_helpdesk: "0900000106",
        phone_in_crm: "",
        responsible: None,
        case: Case::CustomerDomain,
    },
    Shop {
        shop_name: "Mỹ Phẩm Hoa Ngâu",
        bitrix_company: None,
        company_id: "1000079999",
        org_id: "200079999",
        domain: "hoangau.example",
        contact_name: "Bùi Khánh Linh",
        bitrix_contact: None,
        email_in_helpdesk: "linh@hoangau.example",
        email_in_crm: "",
        phone_in_helpdesk: "0900000107",
        phone_in_crm: "",
        responsible: None,
        case: Case::UnknownCompany,
    },
    Shop {
        shop_name: "Đồ Chơi Bé Bống",
        bitrix_company: Some(108),
        company_id: "1000071008",
        org_id: "200071008",
        domain: "dochoibebong.example",
        contact_name: "Đặng Mai Phương",
        bitrix_contact: Some(308),
        email_in_helpdesk: "phuong@dochoibebong.example",
        email_in_crm: "phuong@dochoibebong.example",
        phone_in_helpdesk: "0900000108",
        phone_in_crm: "84900000108",
        responsible: Some(22),
        case: Case::RestrictedTeam,
    },
    Shop {
        shop_name: "Hải Sản Gió Khơi",
        bitrix_company: Some(109),
        company_id: "1000071009",
        org_id: "200071009",
        domain: "haisangiokhoi.example",
        contact_name: "Ngô Văn Sơn",
        bitrix_contact: Some(309),
        email_in_helpdesk: "son@haisangiokhoi.example",
        email_in_crm: "son@haisangiokhoi.example",
        phone_in_helpdesk: "0900000109",
        phone_in_crm: "0900000109",
        responsible: Some(21),
        case: Case::Ambiguous,
    },
    Shop {
        shop_name: "Hải Sản Gió Khơi (chi nhánh Đông)",
        bitrix_company: Some(110),
        company_id: "1000071009",
        org_id: "200071009",
        domain: "haisangiokhoi.example",
        contact_name: "Ngô Văn Sơn",
        bitrix_contact: Some(309),
        email_in_helpdesk: "son@haisangiokhoi.example",
        email_in_crm: "son@haisangiokhoi.example",
        phone_in_helpdesk: "0900000109",
        phone_in_crm: "0900000109",
        responsible: Some(22),
        case: Case::Ambiguous,
    },
    Shop {
        shop_name: "Phụ Kiện Sao Hôm",
        bitrix_company: Some(111),
        company_id: "1000071010",
        org_id: "200071010",
        domain: "saohom.example",
        contact_name: "Đinh Tuấn Kiệt",
        bitrix_contact: Some(311),
        email_in_helpdesk: "kiet@saohom.example",
        email_in_crm: "kiet@saohom.example",
        phone_in_helpdesk: "0900000110",
        phone_in_crm: "+84900000110",
        responsible: Some(23),
        case: Case::InactiveResponsible,
    },
    Shop {
        shop_name: "Trà Núi Mây",
        bitrix_company: Some(112),
        company_id: "1000071011",
        org_id: "200071011",
        domain: "tranuimay.example",
        contact_name: "Lý Ngọc Diệp",
        bitrix_contact: Some(312),
        email_in_helpdesk: "diep@tranuimay.example",
        email_in_crm: "diep@tranuimay.example",
        phone_in_helpdesk: "0900000111",
        phone_in_crm: "0900000111",
        responsible: Some(22),
        case: Case::Portal,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_but_nothing_has_a_shop_and_a_ticket_of_its_own() {
        for (position, case) in Case::ALL.into_iter().enumerate() {
            assert_eq!(case.ticket() as usize, position + 1, "{case:?}");
            let shops = SHOPS.iter().filter(|shop| shop.case == case).count();
            let expected = match case {
                Case::Nothing => 0,
                Case::Ambiguous => 2,
                _ => 1,
            };
            assert_eq!(shops, expected, "{case:?}");
        }
    }

    #[test]
    fn whoever_is_responsible_is_an_employee() {
        for shop in SHOPS {
            let known = shop.responsible.is_none_or(|id| {
                RESPONSIBLE
                    .iter()
                    .any(|employee| employee.bitrix_user == id)
            });
            assert!(known, "{}", shop.shop_name);
        }
    }
}
