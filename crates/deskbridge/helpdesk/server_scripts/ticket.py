if not asked.get("ticket"):
    frappe.throw(says["missing"] + "ticket")
ticket = frappe.get_doc("HD Ticket", str(asked.get("ticket")).strip())
ticket.check_permission("read")
sent["ticket"] = str(ticket.name)
if asked.get("refresh") is not None:
    sent["refresh"] = str(asked.get("refresh"))
if asked.get("history") is not None:
    sent["history"] = str(asked.get("history"))
