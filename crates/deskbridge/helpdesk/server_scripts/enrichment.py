# A page of another site could make a browser send a GET.
if frappe.request.method != "POST":
    frappe.throw(says["verb"])
orgid = str(asked.get("orgid") or asked.get("org_id") or asked.get("haravan_orgid") or "").strip()
ticket_name = str(asked.get("ticket") or asked.get("ticket_name") or asked.get("hd_ticket") or "").strip()
customer_name = str(asked.get("hd_customer") or "").strip()
if orgid:
    sent["orgid"] = orgid
if asked.get("force") is not None:
    sent["force"] = str(asked.get("force"))
if ticket_name:
    ticket = frappe.get_doc("HD Ticket", ticket_name)
    ticket.check_permission("write")
    sent["ticket"] = str(ticket.name)
    if not customer_name:
        customer_name = str(ticket.customer or "")
# Text that is no number would be taken for 0, and so would 0, the number of customers without one.
if not customer_name and orgid.isdigit() and orgid.strip("0"):
    customer_name = str(frappe.db.get_value("HD Customer", {"custom_haravan_orgid": orgid}, "name") or "")
if not customer_name and orgid:
    shop = orgid if "." in orgid else orgid + ".myharavan.com"
    customer_name = str(frappe.db.get_value("HD Customer", {"custom_myharavan": shop}, "name") or "")
if customer_name:
    customer = frappe.get_doc("HD Customer", customer_name)
    customer.check_permission("write")
    # The hub changes no other customer than this one.
    sent["hd_customer"] = str(customer.name)
else:
    frappe.get_doc({"doctype": "HD Customer"}).check_permission("create")
