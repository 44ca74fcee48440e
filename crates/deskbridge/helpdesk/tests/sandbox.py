"""A stand-in for the sandbox in which Frappe runs Server Scripts, with what scripts may use and nothing else."""

import json
from pathlib import Path

from RestrictedPython import compile_restricted, safe_globals
from RestrictedPython.Guards import guarded_iter_unpack_sequence, safer_getattr
from RestrictedPython.transformer import RestrictingNodeTransformer

SCRIPTS = Path(__file__).parent.parent / "server_scripts"

# The hub's methods, and what a script checks before it passes a call on.
METHODS = {
    "haravan_bitrix_customer_profile": "ticket",
    "login_with_haravan.customer_profile.get_ticket_customer_profile": "ticket",
    "login_with_haravan.customer_profile.get_ticket_bitrix_profile": "ticket",
    "login_with_haravan.customer_profile.refresh_customer_profile": "customer",
    "haravan_bitrix_metajson_company_enrichment": "enrichment",
}


def source(method):
    """A script as it is installed."""
    parts = [SCRIPTS / f"{part}.py" for part in ("caller", METHODS[method], "forward")]
    return f'METHOD = "{method}"\n' + "".join(part.read_text(encoding="utf-8") for part in parts)


class FrappeError(Exception):
    pass


class ValidationError(FrappeError):
    pass


class PermissionError(FrappeError):
    pass


class DoesNotExistError(FrappeError):
    pass


class Names(dict):
    """Attributes and keys are one; what is not there can be named and not called."""

    def __getattr__(self, key):
        if key in self:
            return self[key]

        def missing(*_args, **_kwargs):
            raise AttributeError(f"there is no {key} in the sandbox")

        return missing


def guarded_getattr(obj, name, default=None):
    if name in ("format", "format_map", "gi_frame", "tb_frame", "f_globals"):
        raise SyntaxError(f"{name} is refused")
    if name.startswith("_"):
        raise AttributeError(f"{name} is refused")
    return safer_getattr(obj, name, default)


def guarded_getitem(obj, key):
    if isinstance(key, str) and key.startswith("_"):
        raise SyntaxError("a key with an underscore before it is refused")
    return obj[key]


def same(field, stored, asked):
    """Whether a field holds a value, as the database sees it: in a number field, text that is no number is 0."""
    if field == "custom_haravan_orgid" and stored is not None:
        return int(stored) == (int(asked) if asked.isdigit() else 0)
    return stored == asked


class Document:
    """A document whose rights are given."""

    def __init__(self, fields, rights=(), passwords=None):
        self.__dict__.update(fields)
        self.fields, self.rights, self.passwords = fields, rights, passwords or {}

    def get(self, field):
        return self.fields.get(field)

    def check_permission(self, right="read"):
        if right not in self.rights:
            raise PermissionError(f"no right to {right}")

    def get_password(self, fieldname="password", raise_exception=True):
        if fieldname not in self.passwords and raise_exception:
            raise ValidationError("Password not found")
        return self.passwords.get(fieldname)


class Response:
    def __init__(self, status_code, text):
        self.status_code, self.text = status_code, text

    def __bool__(self):
        return self.status_code < 400


class HttpError(OSError):
    def __init__(self, response):
        super().__init__("the request failed")
        self.response = response


class Site:
    """A helpdesk with one of everything."""

    def __init__(self, roles=("Agent",), user="an@helpdesk.example", language="vi"):
        self.user, self.roles, self.language = user, roles, language
        self.agents = {}
        self.verb = "POST"
        self.rights = {"HD Ticket": ["read", "write"], "HD Customer": ["read", "write", "create"], "Contact": ["read"]}
        self.documents = {
            ("HD Ticket", "0001"): {"name": "0001", "customer": "Tiệm Bánh"},
            ("HD Ticket", "0002"): {"name": "0002", "customer": None},
            ("HD Customer", "Tiệm Bánh"): {"name": "Tiệm Bánh", "custom_haravan_orgid": "200071001"},
            # An id that is too large for a number field: the field is 0.
            ("HD Customer", "Tiệm Hoa"): {
                "name": "Tiệm Hoa",
                "custom_haravan_orgid": "0",
                "custom_myharavan": "200000317001.myharavan.com",
            },
            ("Contact", "Lan"): {"name": "Lan"},
        }
        self.settings = {"deskbridge_url": "https://hub.example/"}
        self.passwords = {"deskbridge_shared_secret": "planted-secret"}
        self.sent = []
        self.answer = {"message": {"success": True, "data": {"ticket": {"name": "0001"}}, "message": "ok"}}

    def get_doc(self, doctype, name=None):
        if isinstance(doctype, dict):
            return Document(doctype, self.rights.get(doctype["doctype"], ()))
        if doctype == "Helpdesk Integrations Settings":
            return Document(self.settings, (), self.passwords)
        if (doctype, name) not in self.documents:
            raise DoesNotExistError(f"{doctype} {name} not found")
        return Document(self.documents[doctype, name], self.rights.get(doctype, ()))

    def get_value(self, doctype, filters, fieldname="name"):
        if doctype == "User":
            return self.language
        for (of, _), fields in self.documents.items():
            if of == doctype and all(same(key, fields.get(key), value) for key, value in filters.items()):
                return fields.get(fieldname)
        return None

    def exists(self, doctype, filters):
        return self.agents.get(filters["user"]) == filters["is_active"]

    def make_post_request(self, url, auth=None, headers=None, data=None, json=None, params=None):
        # No deadline can be given: an argument of that name is an error.
        self.sent.append((url, headers, data))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def throw(self, message, exc=ValidationError):
        raise exc(message)

    def call(self, method, **params):
        response = Names()
        frappe = Names(
            session=Names(user=self.user),
            user=self.user,
            form_dict=Names(params, cmd=method),
            request=Names(method=self.verb),
            response=response,
            get_doc=self.get_doc,
            get_all=lambda doctype, filters=None, pluck=None: list(self.roles),
            throw=self.throw,
            make_post_request=self.make_post_request,
            db=Names(get_value=self.get_value, exists=self.exists),
            PermissionError=PermissionError,
            DoesNotExistError=DoesNotExistError,
            ValidationError=ValidationError,
        )
        names = {
            **safe_globals,
            "json": Names(loads=json.loads, dumps=json.dumps),
            "frappe": frappe,
            "_": str,
            "dict": dict,
            "list": list,
            "_write_": lambda obj: obj,
            "_getitem_": guarded_getitem,
            "_getattr_": guarded_getattr,
            "_getiter_": iter,
            "_iter_unpack_sequence_": guarded_iter_unpack_sequence,
        }
        code = compile_restricted(source(method), "<serverscript>", "exec", policy=RestrictingNodeTransformer)
        exec(code, names, None)
        return response.get("message")
