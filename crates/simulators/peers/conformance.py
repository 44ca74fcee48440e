"""The conformance list, for clients written in Python.

A peer is a class with these methods; whatever a client answers is brought into the shapes named here:

    Peer(portal, path)          a client for one webhook; `portal` is a Portal, `path` is `/rest/1/secret/`
    all(select)                 every company, as a list of dicts
    find(filter)                companies that a filter selects, as a list of dicts
    get(id)                     one company, as a dict
    by_ids(ids)                 companies by their ids, as a list of dicts
    call(method, params)        the result of any method
    items(select)               every company through crm.item.list, as a list of dicts
"""

import json
import pathlib
import sys
import time
import urllib.request


class Portal:
    """A running simulator."""

    def __init__(self, url, certificate, control_url):
        self.url = url.rstrip("/")
        self.certificate = certificate
        self.control_url = control_url.rstrip("/")
        data = self.control("GET", "data")
        self.companies = data["companies"]
        self.webhooks = data["webhooks"]

    def control(self, verb, name, body=None):
        """Speaks to the simulator's own endpoints, past the client under test."""
        request = urllib.request.Request(f"{self.control_url}/_simulator/{name}", method=verb)
        if body is not None:
            request.data = json.dumps(body).encode()
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    def path(self, scope):
        """The path of an unexpired webhook that has this scope."""
        for webhook in self.webhooks:
            if scope in webhook["scopes"] and webhook["active"] and not webhook["expires_at"]:
                return f"/rest/{webhook['user_id']}/{webhook['secret']}/"
        raise LookupError(f"no webhook has the scope {scope}")


def expect(condition, detail):
    if not condition:
        raise AssertionError(detail)


def expect_error(act):
    """The text of the error that `act` must end in."""
    try:
        answer = act()
    except Exception as error:  # whatever a client calls an error counts
        return " ".join(f"{type(error).__name__}: {error}".split())[:110]
    raise AssertionError(f"no error but {str(answer)[:80]}")


def ids(rows, key="ID"):
    return sorted(int(row[key]) for row in rows)


class Checks:
    def __init__(self, peer_class, portal):
        self.portal = portal
        self.peer_class = peer_class
        self.peer = peer_class(portal, portal.path("user"))
        self.known = ids(portal.companies)

    def paging(self):
        rows = self.peer.all(["ID", "TITLE"])
        found = ids(rows)
        expect(len(set(found)) == len(found), f"{len(found) - len(set(found))} duplicates")
        expect(found == self.known, f"{len(found)} of {len(self.known)} rows")
        return f"{len(found)} rows"

    def get(self):
        wanted = self.portal.companies[7]
        got = self.peer.get(wanted["ID"])
        for field, value in wanted.items():
            expect(got.get(field) == value, f"{field} is {got.get(field)!r} instead of {value!r}")
        return f"{len(got)} fields"

    def batch_by_ids(self):
        wanted = self.known[:120]
        found = ids(self.peer.by_ids(wanted))
        expect(found == wanted, f"{len(found)} of {len(wanted)}")
        return f"{len(found)} rows"

    def filter_equality(self):
        wanted = self.portal.companies[1234]
        rows = self.peer.find({"=UF_CRM_COMPANY_ID": wanted["UF_CRM_COMPANY_ID"]})
        expect(ids(rows) == [int(wanted["ID"])], f"found {ids(rows)}")

    def filter_in(self):
        wanted = self.known[10:75:5]
        found = ids(self.peer.find({"@ID": wanted}))
        expect(found == wanted, f"found {found}")

    def filter_comparison(self):
        low, high = self.known[100], self.known[260]
        found = ids(self.peer.find({">=ID": low, "<=ID": high}))
        expect(found == self.known[100:261], f"{len(found)} rows")
        return f"{len(found)} rows"

    def filter_contains(self):
        found = ids(self.peer.find({"%TITLE": "hàng 77 "}))
        wanted = [int(row["ID"]) for row in self.portal.companies if "hàng 77 " in row["TITLE"]]
        expect(found == wanted and wanted, f"found {found} instead of {wanted}")

    def write(self):
        call = self.peer.call
        made = call("crm.company.add", {"fields": {"TITLE": "Tiệm & Bạn", "ORIGIN_ID": "peer"}})
        made = int(made)
        try:
            expect(made > self.known[-1], f"the new company is {made}")
            call("crm.company.update", {"id": made, "fields": {"ORIGIN_ID": "100% sure"}})
            rows = self.peer.find({"=ORIGIN_ID": "100% sure"})
            expect(ids(rows) == [made], f"found {ids(rows)}")
            expect(self.peer.get(made)["TITLE"] == "Tiệm & Bạn", "the title changed on its way")
        finally:
            call("crm.company.delete", {"id": made})

    def items(self):
        rows = self.peer.items(["id", "title"])
        expect(ids(rows, "id") == self.known, f"{len(rows)} of {len(self.known)} rows")
        expect(all(isinstance(row["id"], int) for row in rows), "an id is no number")

    def users(self):
        answer = self.peer.call("user.get", {"ID": 338})
        user = answer[0] if isinstance(answer, list) else answer
        expect(user["ACTIVE"] is True and user["EMAIL"], f"got {user}")

    def not_found(self):
        return expect_error(lambda: self.peer.get(self.known[-1] + 1000))

    def bad_method(self):
        return expect_error(lambda: self.peer.call("crm.company.frobnicate", {}))

    def wrong_secret(self):
        peer = self.peer_class(self.portal, "/rest/1/guessed0secret/")
        return expect_error(lambda: peer.call("crm.company.get", {"id": self.known[0]}))

    def insufficient_scope(self):
        peer = self.peer_class(self.portal, self.portal.path("user_basic"))
        return expect_error(lambda: peer.call("crm.company.get", {"id": self.known[0]}))

    def request_limit(self):
        limit = {"requests": {"burst": 10, "per_second": 10}, "operating": None}
        self.portal.control("PUT", "limits", limit)
        self.portal.control("DELETE", "journal")
        good, errors = 0, []
        for company in self.known[:25]:
            try:
                expect(int(self.peer.get(company)["ID"]) == company, "another company came")
                good += 1
            except AssertionError:
                raise
            except Exception as error:  # giving up is a client's right, losing count is not
                errors.append(type(error).__name__)
        counts = self.portal.control("GET", "stats")["counts"]
        refused = counts["query_limit_refusals"]
        expect(refused > 0, "the portal refused nothing")
        expect(good >= 10, f"only {good} came through, errors {sorted(set(errors))}")
        return f"{good} of 25 came through, {refused} refusals, errors {sorted(set(errors))}"

    def operating_limit(self):
        operating = {"limit_seconds": 1, "cost_ms": {"crm.company.get": 600}}
        self.portal.control("PUT", "limits", {"requests": None, "operating": operating})
        for company in self.known[:2]:
            self.peer.get(company)
        detail = expect_error(lambda: self.peer.get(self.known[2]))
        expect(self.peer.call("crm.company.fields", {}), "another method is blocked too")
        refused = self.portal.control("GET", "stats")["counts"]["operation_time_refusals"]
        expect(refused > 0, "the portal refused nothing")
        return detail


def run(peer_class):
    """Runs the list; arguments: the URL under test, the certificate, the URL of the controls."""
    url, certificate, control_url = sys.argv[1:4]
    listed = json.loads(pathlib.Path(__file__).with_name("conformance.json").read_text())
    portal = Portal(url, certificate, control_url)
    off = {"requests": None, "operating": None}
    portal.control("PUT", "limits", off)
    checks = Checks(peer_class, portal)
    failed = False
    for name, what in listed:
        started = time.monotonic()
        try:
            detail = getattr(checks, name)() or ""
            word = "ok"
        except Exception as error:  # a failing item must not end the list
            word, failed = "FAILED", True
            detail = " ".join(f"{what}: {type(error).__name__}: {error}".split())[:300]
        finally:
            portal.control("PUT", "limits", off)
        print(f"{word:6} {name} {detail} ({time.monotonic() - started:.2f} s)", flush=True)
    sys.exit(1 if failed else 0)
