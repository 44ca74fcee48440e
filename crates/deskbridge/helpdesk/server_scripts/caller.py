# Made by Deskbridge: `deskbridge frappe diff` shows what was changed here by hand.
# Whoever calls must be an agent: a portal user may read a ticket and must not see the CRM.
user = frappe.session.user
language = str(frappe.db.get_value("User", user, "language") or "en")[:2]
sentences = {
    "en": {
        "no_agent": "Only agents may see the customer profile.",
        "verb": "This must be asked for by POST.",
        "missing": "A parameter is missing: ",
        "not_set_up": "Deskbridge is not set up: its address or its secret is missing in Helpdesk Integrations Settings.",
        "wrong_secret": "Deskbridge does not accept this site's secret. Please tell an administrator.",
        "unreachable": "Deskbridge cannot be reached. The ticket is not affected; please try again later.",
    },
    "vi": {
        "no_agent": "Chỉ nhân viên hỗ trợ được xem hồ sơ khách hàng.",
        "verb": "Yêu cầu này phải được gửi bằng POST.",
        "missing": "Thiếu tham số: ",
        "not_set_up": "Deskbridge chưa được cấu hình: thiếu địa chỉ hoặc khóa bí mật trong Helpdesk Integrations Settings.",
        "wrong_secret": "Deskbridge không chấp nhận khóa bí mật của trang này. Vui lòng báo quản trị viên.",
        "unreachable": "Không kết nối được Deskbridge. Ticket không bị ảnh hưởng; vui lòng thử lại sau.",
    },
    "ru": {
        "no_agent": "Профиль клиента видят только операторы.",
        "verb": "Этот запрос нужно отправлять методом POST.",
        "missing": "Не хватает параметра: ",
        "not_set_up": "Deskbridge не настроен: в Helpdesk Integrations Settings нет его адреса или секрета.",
        "wrong_secret": "Deskbridge не принимает секрет этого сайта. Сообщите администратору.",
        "unreachable": "Deskbridge недоступен. На обращение это не влияет; повторите попытку позже.",
    },
}
says = sentences.get(language) or sentences["en"]
roles = frappe.get_all("Has Role", filters={"parent": user, "parenttype": "User"}, pluck="role")
is_agent = user == "Administrator" or "Agent" in roles or "Agent Manager" in roles
if not is_agent and not frappe.db.exists("HD Agent", {"user": user, "is_active": 1}):
    frappe.throw(says["no_agent"], frappe.PermissionError)
asked = frappe.form_dict
# What is sent on is only what was checked, and what can do no harm.
sent = {}
