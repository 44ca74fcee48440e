use super::*;

fn compile(toml: &str) -> Result<Settings, Problems> {
    let source: SettingsSource = toml::from_str(toml).expect("TOML");
    source.compile("pbx")
}

#[test]
fn nothing_has_to_be_configured() {
    let settings = compile("").unwrap();
    assert_eq!(settings.transfers, Transfers::LastTalker);
    assert!(settings.ignore_internal);
    let (line, number) = settings.lines.resolve(None);
    assert_eq!(number, None);
    assert!(line.create_incoming && !line.create_outgoing);
}

/// Settings, the setting that is wrong, and something that is said of it.
const PROBLEMS: &[(&str, &str, &str)] = &[
    ("zone = \"Hanoi\"", "zone", "area and city"),
    ("language = \"xx\"", "language", "en, vi or ru"),
    ("default_user = 0", "default_user", "0 is nobody"),
    ("users = { 101 = 0 }", "users.101", "0 is nobody"),
    (
        "withheld_number = \"anonymous\"",
        "withheld_number",
        "digits only",
    ),
    ("default_hours = \"x\"", "default_hours", "add [hours.x]"),
    (
        "[numbers]\ncountry = \"Vietnam\"",
        "numbers.country",
        "two letters",
    ),
    (
        "[numbers]\ncompared_digits = 3",
        "numbers.compared_digits",
        "7 to 15",
    ),
    (
        "[[numbers.towards_crm]]\nfind = \"(\"\nreplace = \"\"",
        "numbers.towards_crm[0].find",
        "no regular expression",
    ),
    ("[[lines]]\nname = \"x\"", "lines[0].number", "is empty"),
    (
        "[[lines]]\nnumber = \"1\"\naliases = [\"1\"]",
        "lines[0].aliases",
        "named before",
    ),
    (
        "[[lines]]\nnumber = \"1\"\n[[lines]]\nnumber = \"+1\"",
        "lines[1].number",
        "named before",
    ),
    (
        "[[lines]]\nnumber = \"1\"\nhours = \"x\"",
        "lines[0].hours",
        "add [hours.x]",
    ),
    (
        "[[lines]]\nnumber = \"1\"\nresponsible = 0",
        "lines[0].responsible",
        "0 is nobody",
    ),
    ("[hours.a]", "hours.a.week", "has no working time"),
    (
        "[hours.a]\nweek = { monday = [] }",
        "hours.a.week.monday",
        "is no day",
    ),
    (
        "[hours.a]\nweek = { mon = [\"17:00-08:00\"] }",
        "hours.a.week.mon",
        "past midnight",
    ),
    (
        "[hours.a]\nweek = { mon = [\"08:00-12:00\", \"11:00-13:00\"] }",
        "hours.a.week.mon",
        "begins before",
    ),
    (
        "[lists]\nclients = { never = [\"spam\"] }",
        "lists.clients.never",
        "is no number",
    ),
    (
        "[missed]\nresponsible = []",
        "missed.responsible",
        "is empty",
    ),
    (
        "[missed.task]\ntitle = \"{{\"",
        "missed.task.title",
        "is no template",
    ),
    (
        "[missed.task]\nhours = \"x\"",
        "missed.task.hours",
        "add [hours.x]",
    ),
    (
        "[activity]\nSUBJECT = \"{% if %}\"",
        "activity.SUBJECT",
        "is no template",
    ),
    (
        "[recordings]\nfolders = [{ on_pbx = \"rec\" }]",
        "recordings.folders[0].on_pbx",
        "from / on",
    ),
    (
        "[recordings]\nfolders = [{ on_pbx = \"/\" }]",
        "recordings.folders[0].on_pbx",
        "not / itself",
    ),
    (
        "[recordings]\nfolders = [{ on_pbx = \"/a\", here = \"/b/../c\" }]",
        "recordings.folders[0].here",
        "without . and ..",
    ),
    (
        "[recordings]\nconvert = [\"lame\", \"{in}\"]",
        "recordings.convert",
        "{out}",
    ),
    ("[originate]\nring_s = 0", "originate.ring_s", "1 to 600"),
    (
        "[originate]\nchannel = \" \"",
        "originate.channel",
        "leave the setting out",
    ),
    (
        "[originate]\nvariables = { \"A B\" = \"\" }",
        "originate.variables.A B",
        "dialplan",
    ),
    (
        "[responsible]\norder = []",
        "responsible.order",
        "enabled = false",
    ),
    (
        "[responsible]\ndeadline_ms = 1",
        "responsible.deadline_ms",
        "100 to 1000",
    ),
];

#[test]
fn every_problem_names_its_setting_and_what_to_do() {
    for (toml, key, told) in PROBLEMS {
        let Problems(problems) = compile(toml).expect_err(toml);
        let problem = problems.iter().find(|problem| problem.key == *key);
        let problem = problem.unwrap_or_else(|| panic!("{toml}: {problems:?}"));
        assert!(problem.to_string().contains(*told), "{problem}");
        assert!(!problem.remedy.is_empty());
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let Problems(problems) = compile("zone = \"x\"\nlanguage = \"xx\"").expect_err("two");
    assert_eq!(problems.len(), 2);
}

#[test]
fn a_misspelt_setting_is_refused() {
    for toml in [
        "defualt_user = 1",
        "[missed.task]\ntitel = \"\"",
        "[[lines]]\nnumer = \"1\"",
    ] {
        assert!(toml::from_str::<SettingsSource>(toml).is_err(), "{toml}");
    }
}

#[test]
fn lists_know_numbers_by_patterns() {
    let settings = compile(
        r#"[lists]
        extensions = { only = ["10*"], never = ["105"] }
        clients = { never = ["+84 901 234 567", "*99", "7*12*5"] }"#,
    );
    let lists = settings.unwrap().lists;
    for (list, number, expected) in [
        (&lists.extensions, "101", true),
        (&lists.extensions, "105", false),
        (&lists.extensions, "201", false),
        (&lists.extensions, "", false),
        (&lists.clients, "+84901234567", false),
        (&lists.clients, "84901234567", false),
        (&lists.clients, "849012345678", true),
        (&lists.clients, "12399", false),
        (&lists.clients, "79", true),
        (&lists.clients, "7912225", false),
        (&lists.clients, "71225", false),
        (&lists.clients, "725", true),
        (&lists.lines, "anything", true),
    ] {
        assert_eq!(list.allows(number), expected, "{number}");
    }
}

#[test]
fn a_line_has_what_is_configured_for_all_and_for_it() {
    let settings = compile(
        r#"default_line = "1800"
        [create]
        outgoing = true
        [hours.night]
        week = { mon = ["22:00-24:00"], tue = ["00:00-06:00"] }
        [[lines]]
        number = "1900"
        aliases = ["+84 24 7100 0000"]
        create_outgoing = false
        hours = "night"
        [[lines]]
        number = "1800"
        name = "Sales""#,
    );
    let settings = settings.unwrap();
    let (line, number) = settings.lines.resolve(Some("842471000000"));
    assert_eq!(number.as_deref(), Some("1900"));
    assert!(!line.create_outgoing && line.create_incoming);
    let monday_night = "2026-03-02T23:59:59Z".parse().unwrap();
    assert!(line.hours.is_working(monday_night));
    let (line, number) = settings.lines.resolve(Some("1234"));
    assert_eq!(
        (line.name.as_deref(), number.as_deref()),
        (None, Some("1234"))
    );
    assert!(line.create_outgoing);
    for named in [None, Some(""), Some("+")] {
        let (line, number) = settings.lines.resolve(named);
        assert_eq!(
            (line.name.as_deref(), number.as_deref()),
            (Some("Sales"), Some("1800"))
        );
    }
}

#[test]
fn a_text_cannot_hold_up_its_call() {
    let settings =
        compile("[activity]\nSUBJECT = \"{% for i in range(99999) %}{{ i }}{% endfor %}\"");
    let (fields, failed) = settings.unwrap().activity.render(&());
    assert!(fields.is_empty());
    assert_eq!(failed.len(), 1);
}
