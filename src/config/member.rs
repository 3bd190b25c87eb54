//! A section that a document may choose, by the name of its table or by a word.

use super::rules::TableRule;
use super::setting::Setting;

/// One of the sections that may be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// What a spec calls it.
    pub name: &'static str,
    /// Its doc comment.
    pub doc: &'static str,
    /// Its own settings.
    pub settings: fn() -> Vec<Setting>,
    /// What ties them together.
    pub rules: fn() -> Vec<TableRule>,
}

/// The settings of all members, as those of the table in which the setting `name` chooses one by its word.
///
/// A setting that several members have under one name stands once, as the first one describes it; where another one
/// means something else by it, that is said behind.
pub fn settings_of_words(name: &'static str, members: &[Member]) -> Vec<Setting> {
    let mut all: Vec<(Setting, Vec<&'static str>)> = Vec::new();
    for member in members {
        for setting in (member.settings)() {
            match all.iter_mut().find(|(it, _)| it.key == setting.key) {
                Some((known, words)) => {
                    if !known.doc.contains(&setting.doc) {
                        known.doc += &format!(". `{}`: {}", member.name, setting.doc);
                    }
                    known.name_with = known.name_with.take().or(setting.name_with);
                    words.push(member.name);
                }
                None => all.push((setting, vec![member.name])),
            }
        }
    }
    let limited = |(setting, words): (Setting, Vec<_>)| setting.only(name, &words);
    all.into_iter().map(limited).collect()
}

/// The rules of all members, each where its word is chosen.
pub fn rules_of_words(name: &'static str, members: &[Member]) -> Vec<TableRule> {
    let of_member = |member: &Member| {
        let word = member.name;
        let limited = move |rule: TableRule| rule.only(name, word);
        (member.rules)().into_iter().map(limited)
    };
    members.iter().flat_map(of_member).collect()
}
