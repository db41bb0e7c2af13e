//! What the table of the tools does not say, because only people need it: which
//! arguments need no flag, and what a command line looks like.

/// How a tool is used from the command line.
#[derive(Debug)]
pub(super) struct Manner {
    /// The tool.
    pub(super) tool: &'static str,
    /// The arguments that stand by their place.
    pub(super) positional: &'static [&'static str],
    /// Those of them that the tool requires and that are found out where they are left out.
    pub(super) implied: &'static [&'static str],
    /// Whether the answer is the same whoever asks, so that nobody need be named.
    pub(super) anonymous: bool,
    /// Whether it may make the folder. All others say that there is none.
    pub(super) founds: bool,
    /// Another name.
    pub(super) alias: Option<&'static str>,
    /// Command lines, one on each line.
    pub(super) examples: &'static str,
}

const OTHER: Manner = Manner {
    tool: "",
    positional: &[],
    implied: &[],
    anonymous: false,
    founds: false,
    alias: None,
    examples: "",
};

/// The manner of the tool of that name.
pub(super) fn of(tool: &str) -> &'static Manner {
    let found = MANNERS.iter().find(|manner| manner.tool == tool);
    found.unwrap_or(&OTHER)
}

static MANNERS: [Manner; 9] = [
    Manner {
        tool: "register",
        founds: true,
        examples: "\
mesh register --agent a --branch main --prompt-ptr docs/task.md
mesh register --agent a --branch main --prompt-ptr '#12' --role reviewer --ttl 300",
        ..OTHER
    },
    Manner {
        tool: "roster",
        anonymous: true,
        examples: "\
mesh roster
mesh roster --include-stale --json | jq -r '.agents[].agent_id'",
        ..OTHER
    },
    Manner {
        tool: "claim",
        positional: &["resource"],
        founds: true,
        examples: "\
mesh claim feature:auth --agent a --note 'new login'
mesh claim feature:auth --agent a --queue --lease 600
mesh claim docs --agent a --shared && make docs   # exit code 75: queued or denied",
        ..OTHER
    },
    Manner {
        tool: "release",
        positional: &["resource", "claim_id"],
        implied: &["claim_id"],
        examples: "\
mesh release feature:auth --agent a
mesh release feature:auth 01KV3S0T2Q8YVJ1N5R7W9XZ4AB --agent a",
        ..OTHER
    },
    Manner {
        tool: "claims",
        positional: &["resource"],
        anonymous: true,
        examples: "\
mesh claims
mesh claims feature:auth --json | jq '.claims[0].fence'",
        ..OTHER
    },
    Manner {
        tool: "post",
        positional: &["to", "body"],
        founds: true,
        examples: "\
mesh post b 'the tests are red on main' --agent a --subject ci
mesh post '*' 'freezing main at noon' --agent a
git log -1 | mesh post topic:merges - --agent a   # - reads standard input",
        ..OTHER
    },
    Manner {
        tool: "inbox",
        examples: "\
mesh inbox --agent a
mesh inbox --agent a --topic merges --limit 10 --json",
        ..OTHER
    },
    Manner {
        tool: "read",
        positional: &["up_to"],
        examples: "mesh read 01KV3S0T2Q8YVJ1N5R7W9XZ4AB --agent a",
        ..OTHER
    },
    Manner {
        tool: "gc",
        alias: Some("compact"),
        examples: "mesh gc",
        ..OTHER
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::{TOOLS, find};

    #[test]
    fn every_tool_has_a_manner_with_examples_and_real_arguments() {
        assert_eq!(MANNERS.len(), TOOLS.len());
        for manner in &MANNERS {
            let tool = find(manner.tool).expect("a tool");
            for name in manner.positional.iter().chain(manner.implied) {
                let mut names = tool.parameters.iter().map(|parameter| parameter.name);
                assert!(names.any(|known| known == *name), "{}: {name}", tool.name);
            }
            assert!(manner.examples.contains(&format!("mesh {}", manner.tool)));
        }
    }
}
