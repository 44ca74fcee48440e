//! What `crm.item.*` calls a user field.

/// `UF_CRM_COMPANY_ID` is `ufCrmCompanyId`. Underscores stay where the way back would not be certain:
/// between numbers, and throughout a name that mixes letters and digits (documented).
pub(crate) fn user_field_in_items(name: &str) -> String {
    let Some(rest) = name.strip_prefix("UF_CRM_") else {
        return camel("uf", name.strip_prefix("UF_").unwrap_or(name));
    };
    let parts: Vec<&str> = rest.split('_').collect();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|b| !b.is_ascii_digit());
    match parts.as_slice() {
        [first, number] if is_number(first) && is_number(number) => {
            format!("ufCrm{first}_{number}")
        }
        [first, words @ ..]
            if is_number(first) && !words.is_empty() && words.iter().all(|part| is_word(part)) =>
        {
            camel(&format!("ufCrm{first}"), &words.join("_"))
        }
        words if words.iter().all(|part| is_word(part)) => camel("ufCrm", rest),
        _ => format!("ufCrm_{rest}"),
    }
}

fn camel(start: &str, rest: &str) -> String {
    let mut name = start.to_owned();
    for part in rest.split('_') {
        let mut letters = part.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(&letters.as_str().to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::user_field_in_items;

    #[test]
    fn user_fields_are_renamed_as_documented() {
        for (name, expected) in [
            ("UF_CRM_COMPANY_ID", "ufCrmCompanyId"),
            ("UF_CRM_STORENAME", "ufCrmStorename"),
            ("UF_CRM_3_DIGIT", "ufCrm3Digit"),
            ("UF_CRM_3_DIGIT10", "ufCrm_3_DIGIT10"),
            ("UF_CRM_3_DIGIT_10", "ufCrm_3_DIGIT_10"),
            ("UF_CRM_3_1747309727", "ufCrm3_1747309727"),
            ("UF_CRM_1747309879", "ufCrm_1747309879"),
        ] {
            assert_eq!(user_field_in_items(name), expected);
        }
    }
}
