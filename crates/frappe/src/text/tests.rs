use proptest::prelude::*;

use super::*;

#[test]
fn a_text_is_cut_by_characters_and_never_between_a_letter_and_its_mark() {
    let flag = "\u{1F44B}\u{1F3FD}";
    let cases = [
        ("", 3, ""),
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("abc", 0, ""),
        ("Đơn hàng", 4, "Đơn "),
        ("😀😀😀", 2, "😀😀"),
        ("ae\u{301}b", 2, "a"),
        ("ae\u{301}b", 3, "ae\u{301}"),
        ("a\u{323}\u{302}b", 2, ""),
        ("x\u{200D}y", 1, ""),
        (flag, 1, ""),
    ];
    for (text, max, expected) in cases {
        assert_eq!(truncate(text, max), expected, "{text:?} {max}");
    }
}

#[test]
fn a_name_may_have_anything_but_angle_brackets() {
    let exact = "đ".repeat(DATA_CHARACTERS_MAX);
    for name in ["A", "A/B & \"C\" 'D'", "Công ty", exact.as_str()] {
        assert_eq!(check_name(name), Ok(()), "{name}");
    }
    let long = format!("{exact}x");
    let cases = [
        ("", Unsendable::EmptyName),
        ("  ", Unsendable::EmptyName),
        ("A <b> B", Unsendable::AngleBracket),
        ("a>b", Unsendable::AngleBracket),
        (long.as_str(), Unsendable::NameTooLong),
    ];
    for (name, why) in cases {
        assert_eq!(check_name(name), Err(why), "{name}");
    }
}

#[test]
fn names_are_compared_as_the_database_does() {
    use Likeness::{Different, MayBeSame, Same};
    let cases = [
        // Observed: one key on 15.50.
        ("Công ty TNHH Ánh Dương", "công ty tnhh ánh dương ", Same),
        ("Công ty TNHH Ánh Dương", "Cong ty TNHH Anh Duong", Same),
        // Composed and decomposed, and every Vietnamese tone and vowel.
        ("Ánh", "A\u{301}nh", Same),
        (
            "ăắằẳẵặâấầẩẫậêếềểễệôốồổỗộơớờởỡợưứừửữự",
            "aaaaaaaaaaaaeeeeeeooooooooooooouuuuuu",
            Different,
        ),
        ("ăắằẳẵặâấầẩẫậ", "aaaaaaaaaaaa", Same),
        ("êếềểễệ", "eeeeee", Same),
        ("ôốồổỗộơớờởỡợ", "oooooooooooo", Same),
        ("ưứừửữự", "uuuuuu", Same),
        ("Ёлка", "елка", Same),
        // Not certain.
        ("Đông Á", "Dong A", MayBeSame),
        ("Łódź", "lodz", MayBeSame),
        ("Straße", "STRASSE", MayBeSame),
        ("ﬁn", "fin", MayBeSame),
        ("Ｓｈｏｐ", "shop", MayBeSame),
        ("Shop\u{200B}", "shop", MayBeSame),
        ("Shop 🍣", "Shop 🍺", MayBeSame),
        ("カメラ", "かめら", MayBeSame),
        ("Δίας", "ΔΙΑΣ", MayBeSame),
        // Vowel signs of Indic scripts are letters.
        ("कि", "क", MayBeSame),
        // Two names.
        ("Shop", "Shop 2", Different),
        ("Shop A", "ShopA", Different),
        ("Shop-A", "Shop A", Different),
        ("Đông Á", "Bông Á", Different),
        ("", "a", Different),
    ];
    for (one, other, expected) in cases {
        assert_eq!(compare_names(one, other), expected, "{one} / {other}");
        assert_eq!(compare_names(other, one), expected, "{other} / {one}");
    }
}

proptest! {
    #[test]
    fn a_cut_text_is_a_beginning_and_within_the_limit(text in "\\PC{0,200}", max in 0_usize..150) {
        let cut = truncate(&text, max);
        prop_assert!(text.starts_with(cut));
        prop_assert!(cut.chars().count() <= max);
    }

    #[test]
    fn a_name_is_the_same_as_itself_in_another_case(name in "[a-zA-ZđĐơƠ 0-9]{0,30}") {
        prop_assert_eq!(compare_names(&name, &name.to_uppercase()), Likeness::Same);
        prop_assert_eq!(compare_names(&name, &format!(" {name} ")), Likeness::Same);
    }

    #[test]
    fn what_is_the_same_for_certain_is_also_so_for_the_loose(one in "\\PC{0,12}", other in "\\PC{0,12}") {
        if collation_key(&one) == collation_key(&other) {
            prop_assert_eq!(loose_key(&one), loose_key(&other));
        }
        prop_assert_eq!(loose_key(&one), loose_key(&collation_key(&one)));
    }
}
