"""What the Server Scripts do, run as Frappe runs them."""

import ast
import json
import unittest

from RestrictedPython import compile_restricted

import sandbox
from sandbox import METHODS, DoesNotExistError, HttpError, PermissionError, Response, Site, ValidationError

PROFILE = "haravan_bitrix_customer_profile"
REFRESH = "login_with_haravan.customer_profile.refresh_customer_profile"
ENRICH = "haravan_bitrix_metajson_company_enrichment"
ASKED = {"ticket": {"ticket": "0001"}, "customer": {"hd_customer": "Tiệm Bánh"}, "enrichment": {"orgid": "200071001", "hd_customer": "Tiệm Bánh"}}


def refusal(code, message):
    return HttpError(Response(code, json.dumps({"message": {"success": False, "message": message}})))


class Allowed(unittest.TestCase):
    def test_the_call_goes_on_with_the_user_and_the_secret(self):
        for method, kind in METHODS.items():
            with self.subTest(method):
                site = Site()
                self.assertEqual(site.call(method, **ASKED[kind]), site.answer["message"])
                [(url, headers, data)] = site.sent
                self.assertEqual(url, f"https://hub.example/api/method/{method}")
                self.assertEqual(headers["X-Deskbridge-User"], "an@helpdesk.example")
                self.assertEqual(headers["X-Deskbridge-Secret"], "planted-secret")
                self.assertEqual(headers["Content-Type"], "application/json")
                self.assertLess(int(headers["X-Deskbridge-Deadline-Ms"]), 30_000)
                self.assertEqual(json.loads(data), ASKED[kind])

    def test_only_what_was_checked_is_sent_on(self):
        site = Site()
        site.call(PROFILE, ticket=" 0001 ", refresh=1, history="1", raw=1, ticket_name="0002", hd_ticket="0002")
        self.assertEqual(json.loads(site.sent[0][2]), {"ticket": "0001", "refresh": "1", "history": "1"})
        site.call(ENRICH, orgid=7, ticket_name="0001", hd_customer="Tiệm Bánh", force=1, contact="Lan")
        sent = {"orgid": "7", "ticket": "0001", "hd_customer": "Tiệm Bánh", "force": "1"}
        self.assertEqual(json.loads(site.sent[1][2]), sent)

    def test_agents_are_those_whom_the_helpdesk_takes_for_agents(self):
        for roles, user, agents in [
            (["Agent"], "a@x", {}),
            (["Agent Manager"], "a@x", {}),
            ([], "Administrator", {}),
            ([], "a@x", {"a@x": 1}),
        ]:
            site = Site(roles=roles, user=user)
            site.agents = agents
            self.assertIsNotNone(site.call(PROFILE, ticket="0001"))


class Denied(unittest.TestCase):
    def denied(self, site, error, method=PROFILE, **params):
        with self.assertRaises(error) as raised:
            site.call(method, **params)
        self.assertEqual(site.sent, [], "something was sent although it is not allowed")
        return str(raised.exception)

    def test_who_is_no_agent_gets_nothing(self):
        for method, kind in METHODS.items():
            site = Site(roles=["System Manager"], language="en")
            site.agents = {site.user: 0, "another@helpdesk.example": 1}
            told = self.denied(site, PermissionError, method, **ASKED[kind])
            self.assertEqual(told, "Only agents may see the customer profile.")

    def test_who_may_not_read_the_ticket_gets_nothing(self):
        for method, kind in METHODS.items():
            site = Site()
            site.rights = {}
            self.denied(site, PermissionError, method, **ASKED[kind])

    def test_an_enrichment_needs_the_right_to_what_it_writes(self):
        for rights, params in [
            ({"HD Ticket": ["read"], "HD Customer": ["write", "create"]}, {"ticket": "0001"}),
            ({"HD Ticket": ["write"], "HD Customer": ["read", "create"]}, {"ticket": "0001"}),
            ({"HD Customer": ["read", "create"]}, {"orgid": "200071001"}),
            ({"HD Customer": ["read", "write"]}, {"orgid": "7"}),
            ({"HD Ticket": ["write"], "HD Customer": ["write"]}, {"orgid": "7", "ticket": "0002"}),
        ]:
            site = Site()
            site.rights = rights
            self.denied(site, PermissionError, ENRICH, **params)

    def test_an_enrichment_names_the_customer_whose_right_was_checked(self):
        for params, named in [
            ({"orgid": "200071001"}, "Tiệm Bánh"),
            ({"orgid": "7", "ticket": "0001"}, "Tiệm Bánh"),
            ({"orgid": "200000317001"}, "Tiệm Hoa"),
            ({"orgid": "200000317001.myharavan.com"}, "Tiệm Hoa"),
            ({"orgid": "shop.example"}, None),
            ({"orgid": "0"}, None),
            ({"orgid": "7"}, None),
        ]:
            site = Site()
            site.call(ENRICH, **params)
            (_, _, data), = site.sent
            self.assertEqual(json.loads(data).get("hd_customer"), named, params)

    def test_a_contact_needs_the_right_to_read_it(self):
        site = Site()
        site.rights = {"HD Customer": ["read"]}
        self.denied(site, PermissionError, REFRESH, hd_customer="Tiệm Bánh", contact="Lan")

    def test_what_writes_is_not_asked_for_by_a_link(self):
        for method in (REFRESH, ENRICH):
            site = Site()
            site.verb = "GET"
            self.denied(site, ValidationError, method, hd_customer="Tiệm Bánh", orgid="1")

    def test_what_is_not_there_is_missing(self):
        self.denied(Site(), DoesNotExistError, ticket="9999")
        self.assertIn("ticket", self.denied(Site(), ValidationError))
        self.assertIn("hd_customer", self.denied(Site(), ValidationError, REFRESH))

    def test_a_site_that_is_not_set_up_says_so(self):
        for field in ("settings", "passwords"):
            site = Site(language="en")
            setattr(site, field, {})
            self.assertIn("not set up", self.denied(site, ValidationError, ticket="0001"))


class Down(unittest.TestCase):
    def told(self, answer, error=ValidationError, language="en"):
        site = Site(language=language)
        site.answer = answer
        with self.assertRaises(error) as raised:
            site.call(PROFILE, ticket="0001")
        told = str(raised.exception)
        self.assertNotIn("planted-secret", told)
        self.assertNotIn("hub.example", told)
        return told

    def test_a_hub_that_is_down_is_a_sentence_in_the_agents_language(self):
        down = HttpError(None)
        self.assertIn("cannot be reached", self.told(down))
        self.assertIn("Không kết nối được", self.told(down, language="vi"))
        self.assertIn("недоступен", self.told(down, language="ru-RU"))
        self.assertIn("cannot be reached", self.told(down, language=None))
        self.assertIn("cannot be reached", self.told(UnicodeEncodeError("latin-1", "ế", 0, 1, "no")))

    def test_what_the_hub_says_is_passed_on(self):
        self.assertEqual(self.told(refusal(417, "No.")), "No.")
        self.assertEqual(self.told(refusal(503, "Later.")), "Later.")
        self.assertEqual(self.told(refusal(403, "Off."), PermissionError), "Off.")
        self.assertEqual(self.told(refusal(404, "Gone."), DoesNotExistError), "Gone.")
        self.assertIn("secret", self.told(refusal(401, "Forged.")))

    def test_an_answer_that_is_not_the_hubs_is_a_sentence(self):
        page = HttpError(Response(502, "<html>Bad Gateway</html>"))
        nothing = HttpError(Response(404, "<html>Not Found</html>"))
        for answer in (page, nothing, "<html>", None, {}, {"message": None}, ["x"]):
            self.assertIn("cannot be reached", self.told(answer), answer)


class Sandbox(unittest.TestCase):
    """The stand-in refuses what the real one refuses; a harness that lets all pass proves nothing."""

    def test_what_is_refused_when_it_is_compiled(self):
        for script in ("x._y", "_x = 1", "x.y += 1", "exec('1')", "async def f(): pass"):
            with self.assertRaises(SyntaxError):
                compile_restricted(script, "<serverscript>", "exec")

    def test_what_is_refused_when_it_runs(self):
        self.addCleanup(setattr, sandbox, "source", sandbox.source)
        for script in ("import json", "getattr(1, 'x')", "'{}'.format(1)", "frappe.cache()", "open('x')"):
            sandbox.source = lambda _method, script=script: script
            with self.assertRaises((ImportError, NameError, SyntaxError, AttributeError, NotImplementedError)):
                Site().call(PROFILE)

    def test_no_name_is_needed_beyond_what_the_scripts_themselves_set(self):
        known = {"frappe", "json", "str", "isinstance", "dict", "Exception"}
        for method in METHODS:
            tree = ast.parse(sandbox.source(method))
            names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
            stored = {node.id for node in names if isinstance(node.ctx, ast.Store)} | {"error"}
            self.assertLessEqual({node.id for node in names} - stored, known)


if __name__ == "__main__":
    unittest.main()
