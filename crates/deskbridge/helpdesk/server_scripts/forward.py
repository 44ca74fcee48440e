settings = frappe.get_doc("Helpdesk Integrations Settings")
address = str(settings.get("deskbridge_url") or "").strip().rstrip("/")
secret = settings.get_password("deskbridge_shared_secret", False)
if not address or not secret:
    frappe.throw(says["not_set_up"])
headers = {
    "Accept": "application/json",
    "Accept-Language": language,
    "Content-Type": "application/json",
    # A script cannot give a request a deadline; the hub keeps this one. It is longer than Bitrix24 may take (15 s), so
    # that what is remembered is still shown when Bitrix24 does not answer.
    "X-Deskbridge-Deadline-Ms": "20000",
    "X-Deskbridge-Secret": secret,
    "X-Deskbridge-User": user,
}
answer = None
failure = None
try:
    answer = frappe.make_post_request(address + "/api/method/" + METHOD, headers=headers, data=json.dumps(sent))
except Exception as error:
    failure = error
status = 0
told = ""
# Only an answer that says no carries a response; a hub that is down has none.
if failure is not None and failure.response is not None:
    status = failure.response.status_code
    try:
        told = str(json.loads(failure.response.text)["message"]["message"])
    except Exception:
        told = ""
if status == 401:
    frappe.throw(says["wrong_secret"])
if status == 403:
    frappe.throw(told or says["unreachable"], frappe.PermissionError)
if status == 404 and told:
    frappe.throw(told, frappe.DoesNotExistError)
if failure is not None:
    frappe.throw(told or says["unreachable"])
if not isinstance(answer, dict) or answer.get("message") is None:
    frappe.throw(says["unreachable"])
frappe.response["message"] = answer.get("message")
