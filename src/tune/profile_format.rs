//! The words of a profile's text, from which its manual page is made.

/// A table of the text.
#[derive(Debug)]
pub struct ProfileTable {
    /// Its title in the manual page.
    pub title: &'static str,
    /// What it is for.
    pub says: &'static str,
    /// Its words.
    pub words: &'static [ProfileWord],
}

/// A word of a table.
#[derive(Debug)]
pub struct ProfileWord {
    /// The word.
    pub word: &'static str,
    /// A value, as it is written.
    pub example: &'static str,
    /// What it means, and whether it may be left out, in sentences. Empty for operators, which say it themselves
    /// ([`Operator::says`](super::Operator::says)).
    pub says: &'static str,
}

const fn word(word: &'static str, example: &'static str, says: &'static str) -> ProfileWord {
    ProfileWord { word, example, says }
}

/// The format, table by table.
pub const PROFILE_FORMAT: &[ProfileTable] = &[
    ProfileTable {
        title: "At the top",
        says: "These stand before the first table.",
        words: &[
            word("summary", "\"Serve many clients\"", "One line: what the profile is for. Required."),
            word(
                "extends",
                "\"anti-syn-flood\"",
                "The profile that this one builds on, at most 8 of them one on the other. Rules of this one replace \
                 those of the parent for the same key; lists of sentences are joined. A profile of the administrator \
                 may name the built-in one of its own name.",
            ),
            word("notes", "[\"…\"]", "Advice that no sysctl can carry out, such as a backlog given to listen()."),
            word("costs", "[\"…\"]", "What the profile costs as a whole. Shown in the plan."),
            word("not-for", "[\"…\"]", "When not to use it. Shown in the plan."),
            word("keys", "{ … }", "The rules: one table for each sysctl, named by its key in quotes."),
        ],
    },
    ProfileTable {
        title: "In the table of a key",
        says: "Exactly one of the first five gives the value: a whole number, or a text in quotes for several numbers, \
               names or formulas. Numbers of a vector are compared one by one.",
        words: &[
            word("set", "1", ""),
            word("at-least", "4096", ""),
            word("at-most", "\"_ _ {2 * bdp}\"", ""),
            word("include", "\"30000-32767\"", ""),
            word("expect", "0", ""),
            word("reason", "\"bursts while the proxy reloads\"", "Why. Required."),
            word(
                "source",
                "\"Documentation/networking/ip-sysctl.rst\"",
                "Where that is said: a document or function of the kernel, an RFC. Required.",
            ),
            word("risk", "\"more memory\"", "What may go wrong."),
            word(
                "cap",
                "\"an eighth of tcp_mem\"",
                "Why a formula has a bound. Said in a plan where the bound keeps the value from what is wished for.",
            ),
            word(
                "required",
                "true",
                "The profile makes no sense without the key. One that is not there is left out with a note otherwise; \
                 with this, nothing is applied.",
            ),
            word("since", "\"5.4\"", "First kernel that the rule is for."),
            word("until", "\"6.1\"", "Last kernel series that the rule is for, itself included."),
            word(
                "when",
                "{ namespace = \"initial\" }",
                "Further conditions: the table below. All of them must be met.",
            ),
        ],
    },
    ProfileTable {
        title: "In when",
        says: "What is not known of a host is no reason to leave a rule out.",
        words: &[
            word(
                "namespace",
                "\"child\"",
                "\"initial\" for the host's own network namespace, \"child\" for any other, such as a container's.",
            ),
            word("memory-at-least", "\"16GiB\"", "The least memory of the host, with KiB, MiB, GiB or TiB."),
            word("memory-below", "\"64GiB\"", "The memory that the host must have less of."),
        ],
    },
];
