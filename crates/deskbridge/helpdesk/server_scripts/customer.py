# A page of another site could make a browser send a GET.
if frappe.request.method != "POST":
    frappe.throw(says["verb"])
if not asked.get("hd_customer"):
    frappe.throw(says["missing"] + "hd_customer")
customer = frappe.get_doc("HD Customer", str(asked.get("hd_customer")).strip())
customer.check_permission("read")
sent["hd_customer"] = str(customer.name)
if asked.get("contact"):
    contact = frappe.get_doc("Contact", str(asked.get("contact")).strip())
    contact.check_permission("read")
    sent["contact"] = str(contact.name)
