//! Words of invented people in three languages.

/// One of several.
pub(super) fn pick<T: Copy + Default>(random: &mut fastrand::Rng, several: &[T]) -> T {
    random.choice(several).copied().unwrap_or_default()
}

/// A language of a contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Language {
    #[default]
    Vietnamese,
    English,
    Russian,
}

const FAMILY_NAMES: [&[&str]; 3] = [
    &["Nguyễn", "Trần", "Lê", "Phạm", "Vũ", "Đặng", "Bùi", "Huỳnh"],
    &[
        "Marlow",
        "Finch",
        "Abernathy",
        "Quill",
        "Sandoval",
        "O'Dell",
    ],
    &["Орлова", "Тихонов", "Ежов", "Лебедева", "Сомов"],
];

const GIVEN_NAMES: [&[&str]; 3] = [
    &[
        "Thị Hoa",
        "Văn Bình",
        "Minh Châu",
        "Quốc Đạt",
        "Ngọc Ánh",
        "Thanh Tùng",
        "Hồng Vân",
    ],
    &["Nora", "Elias", "Priya", "Tom", "Bea"],
    &["Анна", "Пётр", "Вера", "Глеб"],
];

pub(super) const TAGS: [&str; 3] = ["vip", "giao-hàng", "đổi trả"];

const ITEMS: [&[&str]; 3] = [
    &["ấm đun nước", "áo khoác", "bàn phím", "nồi cơm"],
    &["kettle", "rain jacket", "keyboard", "rice cooker"],
    &["чайник", "куртка", "клавиатура", "рисоварка"],
];

impl Language {
    pub(super) const ALL: [Self; 4] = [
        Self::Vietnamese,
        Self::Vietnamese,
        Self::English,
        Self::Russian,
    ];

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Vietnamese => "vi",
            Self::English => "en",
            Self::Russian => "ru",
        }
    }

    pub(super) fn of_code(code: &str) -> Self {
        match code {
            "en" => Self::English,
            "ru" => Self::Russian,
            _ => Self::Vietnamese,
        }
    }

    pub(super) fn item(self, random: &mut fastrand::Rng) -> &'static str {
        pick(random, self.of(ITEMS))
    }

    /// A full name.
    pub(super) fn person(self, random: &mut fastrand::Rng) -> String {
        let family = pick(random, self.of(FAMILY_NAMES));
        let given = self.given_name(random);
        match self {
            Self::Vietnamese => format!("{family} {given}"),
            Self::English | Self::Russian => format!("{given} {family}"),
        }
    }

    pub(super) fn given_name(self, random: &mut fastrand::Rng) -> &'static str {
        pick(random, self.of(GIVEN_NAMES))
    }

    fn of(
        self,
        [vietnamese, english, russian]: [&'static [&'static str]; 3],
    ) -> &'static [&'static str] {
        match self {
            Self::Vietnamese => vietnamese,
            Self::English => english,
            Self::Russian => russian,
        }
    }

    pub(super) fn subject(self, random: &mut fastrand::Rng, item: &str) -> String {
        let order = random.u32(1000..99_999);
        match self {
            Self::Vietnamese => format!("Đơn {order}: {item} bị lỗi"),
            Self::English => format!("Order {order}: my {item} arrived broken"),
            Self::Russian => format!("Заказ {order}: {item} не работает"),
        }
    }

    pub(super) fn first_message(
        self,
        random: &mut fastrand::Rng,
        item: &str,
        name: &str,
    ) -> String {
        let days = random.u8(1..9);
        match self {
            Self::Vietnamese => format!(
                "<div>Chào shop,</div><div>Tôi mua <b>{item}</b> cách đây {days} ngày nhưng không dùng được. Nhờ shop kiểm tra giúp.</div><div>{name}</div>"
            ),
            Self::English => format!(
                "<div>Hello,<br>the <em>{item}</em> I bought {days} days ago does not work &amp; I would like a refund.</div><p>Regards, {name}</p>"
            ),
            Self::Russian => format!(
                "<p>Здравствуйте! {days} дн. назад я получил(а) «{item}», и товар не включается.</p><p>{name}</p>"
            ),
        }
    }

    pub(super) fn reply(self, random: &mut fastrand::Rng, is_incoming: bool) -> String {
        let text = match (self, is_incoming, random.bool()) {
            (Self::Vietnamese, true, true) => "Dạ em vẫn chưa nhận được hàng ạ.",
            (Self::Vietnamese, true, false) => "Cảm ơn shop, để mình thử lại.",
            (Self::Vietnamese, false, _) => {
                "Shop đã kiểm tra và sẽ gửi lại hàng mới trong hôm nay."
            }
            (Self::English, true, _) => "Thanks, still waiting for the courier.",
            (Self::English, false, _) => "We are sorry! A replacement leaves our store today.",
            (Self::Russian, true, _) => "Спасибо, но курьер так и не приехал.",
            (Self::Russian, false, _) => "Приносим извинения, замену отправим сегодня.",
        };
        format!("<div>{text}</div><div class=\"freshdesk_quote\"><blockquote>…</blockquote></div>")
    }

    pub(super) fn file_name(self) -> &'static str {
        match self {
            Self::Vietnamese => "hoá đơn.pdf",
            Self::English => "receipt.pdf",
            Self::Russian => "чек.png",
        }
    }
}
