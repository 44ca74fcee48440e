//! What is said beside an answer, in the agent's language.

use deskbridge_core::Language;

use super::answer::{Status, TroubleKind};

/// Says how a profile came about.
pub fn profile(status: Status, stale: bool, language: Language) -> &'static str {
    use Language::{English, Russian, Vietnamese};
    match (status, language) {
        (Status::Matched | Status::Cached, English) if stale => {
            "Bitrix24 cannot be asked at the moment; this is what it said last."
        }
        (Status::Matched | Status::Cached, Vietnamese) if stale => {
            "Hiện không hỏi được Bitrix24; đây là dữ liệu của lần gần nhất."
        }
        (Status::Matched | Status::Cached, Russian) if stale => {
            "Сейчас Bitrix24 недоступен; показаны последние полученные данные."
        }
        (Status::Matched | Status::Cached | Status::Local, English) => "Customer profile loaded.",
        (Status::Matched | Status::Cached | Status::Local, Vietnamese) => {
            "Đã tải hồ sơ khách hàng."
        }
        (Status::Matched | Status::Cached | Status::Local, Russian) => "Профиль клиента загружен.",
        (Status::NotFound, English) => "Bitrix24 knows no company for this customer.",
        (Status::NotFound, Vietnamese) => "Bitrix24 không có công ty nào cho khách hàng này.",
        (Status::NotFound, Russian) => "В Bitrix24 нет компании для этого клиента.",
        (Status::MissingOrgid, English) => {
            "The ticket has no Haravan company id, contact or domain to look for."
        }
        (Status::MissingOrgid, Vietnamese) => {
            "Ticket không có mã công ty Haravan, liên hệ hay tên miền để tra cứu."
        }
        (Status::MissingOrgid, Russian) => {
            "В тикете нет ни ID компании Haravan, ни контакта, ни домена для поиска."
        }
        (Status::Disabled, English) => "The Bitrix24 integration is switched off.",
        (Status::Disabled, Vietnamese) => "Tích hợp Bitrix24 đang tắt.",
        (Status::Disabled, Russian) => "Интеграция с Bitrix24 отключена.",
        (Status::MissingConfig, English) => {
            "The Bitrix24 webhook is not configured; tell your administrator."
        }
        (Status::MissingConfig, Vietnamese) => {
            "Chưa cấu hình webhook Bitrix24; hãy báo quản trị viên."
        }
        (Status::MissingConfig, Russian) => "Вебхук Bitrix24 не настроен; сообщите администратору.",
        (Status::Error, English) => "Bitrix24 could not be asked.",
        (Status::Error, Vietnamese) => "Không hỏi được Bitrix24.",
        (Status::Error, Russian) => "Не удалось обратиться к Bitrix24.",
    }
}

/// Says how an enrichment came about.
pub fn enrichment(status: Status, language: Language) -> &'static str {
    use Language::{English, Russian, Vietnamese};
    match (status, language) {
        (Status::Matched, English) => "The customer has been brought up to date from Bitrix24.",
        (Status::Matched, Vietnamese) => "Đã cập nhật khách hàng từ Bitrix24.",
        (Status::Matched, Russian) => "Клиент обновлён по данным Bitrix24.",
        (Status::Cached, English) => "The customer was checked a short while ago.",
        (Status::Cached, Vietnamese) => "Khách hàng vừa được kiểm tra gần đây.",
        (Status::Cached, Russian) => "Клиент недавно уже проверялся.",
        (Status::MissingOrgid, English) => "No orgid was given.",
        (Status::MissingOrgid, Vietnamese) => "Chưa có orgid.",
        (Status::MissingOrgid, Russian) => "Не указан orgid.",
        (status, language) => profile(status, false, language),
    }
}

/// Says that nobody knows yet what is configured.
pub fn settings_unread(language: Language) -> &'static str {
    match language {
        Language::English => {
            "The Bitrix24 settings in the helpdesk could not be read; tell your administrator."
        }
        Language::Vietnamese => {
            "Không đọc được cấu hình Bitrix24 trong helpdesk; hãy báo quản trị viên."
        }
        Language::Russian => {
            "Не удалось прочитать настройки Bitrix24 в helpdesk; сообщите администратору."
        }
    }
}

/// Says what is wrong with the connection to Bitrix24.
pub fn trouble(kind: TroubleKind, language: Language) -> &'static str {
    use Language::{English, Russian, Vietnamese};
    match (kind, language) {
        (TroubleKind::Configuration, English) => {
            "Bitrix24 refuses the configured webhook; your administrator has to look at it."
        }
        (TroubleKind::Configuration, Vietnamese) => {
            "Bitrix24 từ chối webhook đã cấu hình; quản trị viên cần kiểm tra."
        }
        (TroubleKind::Configuration, Russian) => {
            "Bitrix24 отклоняет настроенный вебхук; нужна проверка администратора."
        }
        (TroubleKind::Overload, English) => {
            "Bitrix24 limits how much it may be asked; try again in a moment."
        }
        (TroubleKind::Overload, Vietnamese) => {
            "Bitrix24 đang giới hạn số lần truy vấn; hãy thử lại sau giây lát."
        }
        (TroubleKind::Overload, Russian) => {
            "Bitrix24 ограничивает число запросов; повторите чуть позже."
        }
        (TroubleKind::Unreachable, English) => "Bitrix24 does not answer at the moment.",
        (TroubleKind::Unreachable, Vietnamese) => "Bitrix24 hiện không phản hồi.",
        (TroubleKind::Unreachable, Russian) => "Bitrix24 сейчас не отвечает.",
        (TroubleKind::Unintelligible, English) => {
            "Bitrix24 gave an answer that cannot be understood."
        }
        (TroubleKind::Unintelligible, Vietnamese) => "Bitrix24 trả lời không hiểu được.",
        (TroubleKind::Unintelligible, Russian) => "Bitrix24 дал ответ, который не удалось понять.",
    }
}
