//! Which commands of a group have to travel together.

use std::sync::Arc;

use super::{Prepared, queue::Bond};
use crate::Kind;

/// Commands of a group that are never separated, with their places in the group.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) bond: Bond,
    pub(super) commands: Vec<(usize, Arc<Prepared>)>,
}

/// Cuts a group into what has nothing to do with each other, so that what holds up one part does not hold up
/// the others. Reads belong together when one refers to the other. Where something is written the order
/// counts, and where a failure is to stop the rest all counts: such a group is one part.
pub(super) fn cut(commands: Vec<Arc<Prepared>>, halts: bool) -> Vec<Part> {
    let is_one = halts || commands.iter().any(|command| command.kind == Kind::Write);
    // By command, the place of the first command of its part.
    let mut firsts: Vec<usize> = Vec::with_capacity(commands.len());
    for (place, command) in commands.iter().enumerate() {
        let sources = command.references.iter();
        let sources: Vec<usize> = sources
            .filter_map(|reference| firsts.get(reference.command()).copied())
            .collect();
        let first = sources.iter().copied().fold(place, usize::min);
        firsts.push(first);
        for joined in firsts.iter_mut().filter(|first| sources.contains(first)) {
            *joined = first;
        }
    }
    let mut parts: Vec<(usize, Part)> = Vec::new();
    for (place, (command, first)) in commands.into_iter().zip(firsts).enumerate() {
        let first = if is_one { 0 } else { first };
        match parts.iter_mut().find(|(known, _)| *known == first) {
            Some((_, part)) => part.commands.push((place, command)),
            None => {
                let part = Part {
                    bond: Bond::Loose,
                    commands: vec![(place, command)],
                };
                parts.push((first, part));
            }
        }
    }
    let bound = |(_, part): (usize, Part)| Part {
        bond: bond(&part.commands, halts),
        ..part
    };
    parts.into_iter().map(bound).collect()
}

fn bond(commands: &[(usize, Arc<Prepared>)], halts: bool) -> Bond {
    let refers = |(_, command): &(usize, Arc<Prepared>)| !command.references.is_empty();
    match commands.len() {
        0 | 1 => Bond::Loose,
        _ if halts => Bond::Halting,
        _ if commands.iter().any(refers) => Bond::Linked,
        _ => Bond::Loose,
    }
}

/// The places of a group that refer to one of its places, whether directly or through others. The commands
/// are given in their order.
pub(super) fn dependents<'a>(
    commands: impl IntoIterator<Item = (usize, &'a Prepared)>,
    on: usize,
) -> Vec<usize> {
    let mut found = vec![on];
    for (place, command) in commands {
        let mut references = command.references.iter();
        if references.any(|reference| found.contains(&reference.command())) {
            found.push(place);
        }
    }
    found.remove(0);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Group};

    /// A group by the sources of each of its commands; a `!` stands for a write.
    fn group(sources: &[&str]) -> Vec<Arc<Prepared>> {
        let mut group = Group::new();
        let mut added = Vec::new();
        for (place, sources) in sources.iter().enumerate() {
            let mut call = match sources.contains('!') {
                true => Call::write("a.update"),
                false => Call::read("a.get"),
            };
            for source in sources.bytes().filter(u8::is_ascii_digit) {
                let source: &crate::Command = &added[usize::from(source - b'0')];
                call = call.param(&format!("p{source:?}"), source.field("ID"));
            }
            added.push(group.add(call.param("n", place.to_string())));
        }
        let calls = group.calls.into_iter();
        calls.map(|call| Arc::new(Prepared::new(call))).collect()
    }

    #[test]
    fn reads_are_parted_where_nothing_refers() {
        use Bond::{Halting, Linked, Loose};
        type Parts = &'static [(Bond, &'static [usize])];
        let rows: [(&[&str], bool, Parts); 10] = [
            (&[""], false, &[(Loose, &[0])]),
            (&[""], true, &[(Loose, &[0])]),
            (
                &["", "", ""],
                false,
                &[(Loose, &[0]), (Loose, &[1]), (Loose, &[2])],
            ),
            (&["", "", ""], true, &[(Halting, &[0, 1, 2])]),
            (&["", "", "0"], false, &[(Linked, &[0, 2]), (Loose, &[1])]),
            (
                &["", "", "1", "0"],
                false,
                &[(Linked, &[0, 3]), (Linked, &[1, 2])],
            ),
            (
                &["", "0", "1", ""],
                false,
                &[(Linked, &[0, 1, 2]), (Loose, &[3])],
            ),
            (
                // The last one joins two parts, of which one has had time to grow.
                &["", "", "1", "", "02"],
                false,
                &[(Linked, &[0, 1, 2, 4]), (Loose, &[3])],
            ),
            (&["", "!", ""], false, &[(Loose, &[0, 1, 2])]),
            (&["", "0", "!"], false, &[(Linked, &[0, 1, 2])]),
        ];
        for (sources, halts, expected) in rows {
            let parts = cut(group(sources), halts);
            let places = |part: &Part| part.commands.iter().map(|(place, _)| *place).collect();
            let parts: Vec<(Bond, Vec<usize>)> =
                parts.iter().map(|part| (part.bond, places(part))).collect();
            let expected: Vec<(Bond, Vec<usize>)> = expected
                .iter()
                .map(|(bond, places)| (*bond, places.to_vec()))
                .collect();
            assert_eq!(parts, expected, "{sources:?}, halts: {halts}");
        }
    }

    #[test]
    fn what_refers_depends_even_through_others() {
        let commands = group(&["", "0", "", "1", "2", "34"]);
        let on = |place| {
            let commands = commands.iter().enumerate();
            dependents(commands.map(|(place, command)| (place, &**command)), place)
        };
        assert_eq!(on(0), [1, 3, 5]);
        assert_eq!(on(2), [4, 5]);
        assert_eq!(on(5), [0; 0]);
    }
}
