//! What went wrong and what to do now, in the languages of the people who read it. `{}` stands for what
//! the error is about.

use deskbridge_core::Language;

use super::Code;

/// The message and the advice for a code.
pub(super) fn of(code: Code, language: Language) -> (&'static str, &'static str) {
    match language {
        Language::English => english(code),
        Language::Vietnamese => vietnamese(code),
        Language::Russian => russian(code),
    }
}

#[expect(clippy::too_many_lines, reason = "a table: one row a code")]
fn english(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::MalformedBody => (
            "The request body cannot be read: {}.",
            "Send a JSON object or form fields, and the matching Content-Type.",
        ),
        Code::BodyTooLarge => ("The request body is larger than {}.", "Send a smaller one."),
        Code::MissingParameter => ("The parameter {} is missing.", "Send it and try again."),
        Code::InvalidParameter => (
            "The parameter {} is not valid.",
            "Correct it and try again.",
        ),
        Code::UnknownParameter => (
            "The parameter {} is not taken here.",
            "Look it up in the documentation; nothing was done.",
        ),
        Code::TwoCredentials => (
            "The request carries {}, and it is not clear as whom it acts.",
            "Send exactly one credential.",
        ),
        Code::NotLoggedIn => (
            "Nobody is logged in.",
            "Log in to the helpdesk and try again.",
        ),
        Code::WrongKey => (
            "The helpdesk does not accept this key.",
            "Check the API key and secret, or log in again.",
        ),
        Code::WrongSignature => (
            "The request is not signed with the secret of this connection.",
            "Put the same secret into CareSoft and into Deskbridge; what was refused is kept for a week and can then be taken in.",
        ),
        Code::WrongToken => (
            "The administrator's token is missing or not right.",
            "Send Authorization: Bearer with one of server.admin_tokens.",
        ),
        Code::TooManyWrongTokens => (
            "Too many wrong tokens were sent.",
            "Wait a moment, then send one of server.admin_tokens.",
        ),
        Code::CsrfRefused => (
            "The helpdesk does not accept the CSRF token of this session.",
            "Reload the page and try again.",
        ),
        Code::ForgedProxy => (
            "The request names a user on behalf of the helpdesk without the right secret.",
            "Put the same shared secret into the helpdesk and into Deskbridge.",
        ),
        Code::NotAnAgent => (
            "Customer profiles are for helpdesk agents only.",
            "Ask your administrator to make you an agent.",
        ),
        Code::UserDisabled => (
            "This user is disabled in the helpdesk.",
            "Ask your administrator to enable the user.",
        ),
        Code::NoRight => (
            "You have no right to {}.",
            "Ask your administrator for access, or for the ticket to be moved to your team.",
        ),
        Code::SwitchedOff => (
            "The administrator's interface is switched off.",
            "Set server.admin_tokens in the configuration and restart.",
        ),
        Code::NotFound => ("There is no {}.", "Check the number or name and try again."),
        Code::WrongState => (
            "{} is not in a state in which this can be done.",
            "Look at its state first; nothing was done.",
        ),
        Code::NoSuchRoute => ("There is nothing at {}.", "Check the address."),
        Code::WrongVerb => (
            "{} does not answer to this verb.",
            "Use the verb of the documentation.",
        ),
        Code::WebhooksOnly => (
            "This address takes webhooks by POST and shows nothing.",
            "Give this address and the secret to CareSoft's support, with the list of events to be sent.",
        ),
        Code::HelpdeskUnreachable => (
            "The helpdesk does not answer at the moment.",
            "Try again in a moment; if it lasts, tell your administrator.",
        ),
        Code::HelpdeskFault => (
            "The helpdesk answered with an error of its own.",
            "Try again; if it happens again, give your administrator the request id.",
        ),
        Code::Overloaded => (
            "Too many requests are being served at once.",
            "Try again in a moment.",
        ),
        Code::NotStored => (
            "What was sent could not be stored.",
            "Send it again in a moment.",
        ),
        Code::DeadlineExceeded => (
            "The answer took longer than {}.",
            "Try again; if it lasts, tell your administrator.",
        ),
        Code::Internal => (
            "Something went wrong in Deskbridge.",
            "Try again; if it happens again, give your administrator the request id.",
        ),
    }
}

fn vietnamese(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::MalformedBody => (
            "Không đọc được nội dung yêu cầu: {}.",
            "Hãy gửi một đối tượng JSON hoặc các trường biểu mẫu với Content-Type tương ứng.",
        ),
        Code::BodyTooLarge => ("Nội dung yêu cầu lớn hơn {}.", "Hãy gửi nội dung nhỏ hơn."),
        Code::MissingParameter => ("Thiếu tham số {}.", "Hãy gửi tham số này rồi thử lại."),
        Code::InvalidParameter => ("Tham số {} không hợp lệ.", "Hãy sửa lại rồi thử lại."),
        Code::UnknownParameter => (
            "Ở đây không nhận tham số {}.",
            "Hãy xem lại tài liệu; chưa có gì được thực hiện.",
        ),
        Code::TwoCredentials => (
            "Yêu cầu mang theo {} nên không rõ đang thay mặt ai.",
            "Hãy gửi đúng một thông tin xác thực.",
        ),
        Code::NotLoggedIn => (
            "Chưa có ai đăng nhập.",
            "Hãy đăng nhập Helpdesk rồi thử lại.",
        ),
        Code::WrongKey => (
            "Helpdesk không chấp nhận khoá này.",
            "Hãy kiểm tra API key và secret, hoặc đăng nhập lại.",
        ),
        Code::WrongSignature => (
            "Yêu cầu không được ký bằng khóa bí mật của kết nối này.",
            "Hãy đặt cùng một khóa bí mật trong CareSoft và Deskbridge; dữ liệu bị từ chối được giữ một tuần và có thể nhận lại sau đó.",
        ),
        Code::WrongToken => (
            "Thiếu mã truy cập của quản trị viên hoặc mã không đúng.",
            "Hãy gửi Authorization: Bearer với một mã trong server.admin_tokens.",
        ),
        Code::TooManyWrongTokens => (
            "Đã có quá nhiều mã truy cập sai được gửi.",
            "Hãy chờ giây lát rồi gửi một mã trong server.admin_tokens.",
        ),
        Code::CsrfRefused => (
            "Helpdesk không chấp nhận mã CSRF của phiên này.",
            "Hãy tải lại trang rồi thử lại.",
        ),
        Code::ForgedProxy => (
            "Yêu cầu thay mặt Helpdesk nêu tên người dùng nhưng không có khoá bí mật đúng.",
            "Hãy đặt cùng một khoá bí mật trong Helpdesk và trong Deskbridge.",
        ),
        Code::NotAnAgent => (
            "Hồ sơ khách hàng chỉ dành cho nhân viên Helpdesk.",
            "Hãy nhờ quản trị viên cấp quyền nhân viên hỗ trợ.",
        ),
        Code::UserDisabled => (
            "Người dùng này đã bị tắt trong Helpdesk.",
            "Hãy nhờ quản trị viên bật lại người dùng.",
        ),
        Code::NoRight => (
            "Bạn không có quyền với {}.",
            "Hãy nhờ quản trị viên cấp quyền hoặc chuyển ticket về nhóm của bạn.",
        ),
        Code::SwitchedOff => (
            "Giao diện quản trị đang tắt.",
            "Hãy đặt server.admin_tokens trong cấu hình rồi khởi động lại.",
        ),
        Code::NotFound => ("Không có {}.", "Hãy kiểm tra lại số hoặc tên rồi thử lại."),
        Code::WrongState => (
            "{} không ở trạng thái cho phép thao tác này.",
            "Hãy xem trạng thái của nó trước; chưa có gì được thực hiện.",
        ),
        Code::NoSuchRoute => ("Không có gì tại {}.", "Hãy kiểm tra lại địa chỉ."),
        Code::WrongVerb => (
            "{} không trả lời phương thức này.",
            "Hãy dùng phương thức nêu trong tài liệu.",
        ),
        Code::WebhooksOnly => (
            "Địa chỉ này chỉ nhận webhook bằng POST và không hiển thị gì.",
            "Hãy gửi địa chỉ này và khóa bí mật cho bộ phận hỗ trợ CareSoft, kèm danh sách sự kiện cần gửi.",
        ),
        Code::HelpdeskUnreachable => (
            "Helpdesk hiện không phản hồi.",
            "Hãy thử lại sau giây lát; nếu vẫn vậy, hãy báo quản trị viên.",
        ),
        Code::HelpdeskFault => (
            "Helpdesk trả về một lỗi của chính nó.",
            "Hãy thử lại; nếu lặp lại, hãy gửi mã yêu cầu cho quản trị viên.",
        ),
        Code::Overloaded => (
            "Đang có quá nhiều yêu cầu cùng lúc.",
            "Hãy thử lại sau giây lát.",
        ),
        Code::NotStored => ("Không thể lưu dữ liệu đã gửi.", "Hãy gửi lại sau giây lát."),
        Code::DeadlineExceeded => (
            "Câu trả lời mất hơn {}.",
            "Hãy thử lại; nếu vẫn vậy, hãy báo quản trị viên.",
        ),
        Code::Internal => (
            "Deskbridge gặp sự cố.",
            "Hãy thử lại; nếu lặp lại, hãy gửi mã yêu cầu cho quản trị viên.",
        ),
    }
}

fn russian(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::MalformedBody => (
            "Тело запроса не читается: {}.",
            "Отправьте объект JSON или поля формы с соответствующим Content-Type.",
        ),
        Code::BodyTooLarge => ("Тело запроса больше {}.", "Отправьте меньшее."),
        Code::MissingParameter => ("Нет параметра {}.", "Укажите его и повторите."),
        Code::InvalidParameter => ("Параметр {} недопустим.", "Исправьте его и повторите."),
        Code::UnknownParameter => (
            "Параметр {} здесь не принимается.",
            "Сверьтесь с документацией; ничего не сделано.",
        ),
        Code::TwoCredentials => (
            "В запросе {}, и непонятно, от чьего имени он выполняется.",
            "Отправьте ровно одни учётные данные.",
        ),
        Code::NotLoggedIn => ("Вход не выполнен.", "Войдите в Helpdesk и повторите."),
        Code::WrongKey => (
            "Helpdesk не принимает этот ключ.",
            "Проверьте API key и secret или войдите снова.",
        ),
        Code::WrongSignature => (
            "Запрос не подписан секретом этого подключения.",
            "Укажите один и тот же секрет в CareSoft и в Deskbridge; отклонённое хранится неделю и может быть принято потом.",
        ),
        Code::WrongToken => (
            "Токен администратора отсутствует или неверен.",
            "Отправьте Authorization: Bearer с одним из server.admin_tokens.",
        ),
        Code::TooManyWrongTokens => (
            "Отправлено слишком много неверных токенов.",
            "Подождите немного и отправьте один из server.admin_tokens.",
        ),
        Code::CsrfRefused => (
            "Helpdesk не принимает CSRF-токен этой сессии.",
            "Обновите страницу и повторите.",
        ),
        Code::ForgedProxy => (
            "Запрос называет пользователя от имени Helpdesk без верного секрета.",
            "Укажите один и тот же общий секрет в Helpdesk и в Deskbridge.",
        ),
        Code::NotAnAgent => (
            "Профили клиентов доступны только сотрудникам Helpdesk.",
            "Попросите администратора сделать вас агентом.",
        ),
        Code::UserDisabled => (
            "Этот пользователь отключён в Helpdesk.",
            "Попросите администратора включить пользователя.",
        ),
        Code::NoRight => (
            "У вас нет прав на {}.",
            "Попросите администратора дать доступ или передать тикет вашей команде.",
        ),
        Code::SwitchedOff => (
            "Интерфейс администратора выключен.",
            "Задайте server.admin_tokens в конфигурации и перезапустите программу.",
        ),
        Code::NotFound => ("Не найдено: {}.", "Проверьте номер или имя и повторите."),
        Code::WrongState => (
            "{} не в том состоянии, в котором это возможно.",
            "Сначала посмотрите его состояние; ничего не сделано.",
        ),
        Code::NoSuchRoute => ("По адресу {} ничего нет.", "Проверьте адрес."),
        Code::WrongVerb => (
            "{} не отвечает на этот метод.",
            "Используйте метод, указанный в документации.",
        ),
        Code::WebhooksOnly => (
            "Этот адрес принимает вебхуки методом POST и ничего не показывает.",
            "Передайте этот адрес и секрет в поддержку CareSoft вместе со списком нужных событий.",
        ),
        Code::HelpdeskUnreachable => (
            "Helpdesk сейчас не отвечает.",
            "Повторите чуть позже; если не поможет, сообщите администратору.",
        ),
        Code::HelpdeskFault => (
            "Helpdesk ответил собственной ошибкой.",
            "Повторите; если ошибка останется, передайте администратору номер запроса.",
        ),
        Code::Overloaded => (
            "Одновременно выполняется слишком много запросов.",
            "Повторите чуть позже.",
        ),
        Code::NotStored => (
            "Присланное не удалось сохранить.",
            "Отправьте его ещё раз чуть позже.",
        ),
        Code::DeadlineExceeded => (
            "Ответ занял больше {}.",
            "Повторите; если не поможет, сообщите администратору.",
        ),
        Code::Internal => (
            "В Deskbridge произошла ошибка.",
            "Повторите; если ошибка останется, передайте администратору номер запроса.",
        ),
    }
}
