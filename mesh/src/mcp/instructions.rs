//! What the server tells every agent before its first call.

use crate::core::escape;
use crate::tools::Pin;

/// What an agent is told: the [`INSTRUCTIONS`], and whom it is taken for where that is
/// settled.
pub(super) fn instructions(pin: Option<&Pin>) -> String {
    match pin {
        None => INSTRUCTIONS.to_owned(),
        Some(pin) => {
            let agent_id = escape(pin.agent_id());
            format!(
                "{INSTRUCTIONS}\nYou are \"{agent_id}\" here: leave agent_id out, no other is accepted."
            )
        }
    }
}

/// The protocol in the order in which an agent needs it.
pub const INSTRUCTIONS: &str = "\
mesh coordinates the agents that work on this repository: who is here, who may change what, \
and messages. Use one stable agent_id in every call.
1. register first, and again within ttl_seconds; claim, release, post and read count too. 30 s \
past it you are dead, and what you hold is given away.
2. Look: roster (who works on what), claims (what is taken), inbox (what was said to you).
3. claim what you will change, under a name that all would choose, e.g. file:src/auth.rs. Work \
only when granted. When denied, do something else, or claim with wait=queue; when queued, claim \
again from time to time until granted.
4. Renew while you work: claim again before lease_expires_at. A lapsed lease goes to the next in \
line without a word.
5. Check the fence before what cannot be undone (push, deploy, migration): claim again. The same \
fence: nobody else had it since. A higher one: you had lost it; look at what changed before you \
go on. Hand the fence to whatever can refuse an older one.
6. Report with post: to an agent, to * (all) or to topic:<name>. inbox shows messages again until \
you acknowledge them with read; do so once you have acted on them.
7. release as soon as you are done: others may be waiting.
Times are UTC; compare them with `now` in the same reply. An error names the argument and what \
is allowed.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::TOOLS;

    #[test]
    fn the_instructions_are_short_and_name_every_step() {
        assert!(INSTRUCTIONS.len() < 1500, "{} bytes", INSTRUCTIONS.len());
        for tool in TOOLS.iter().filter(|tool| tool.name != "gc") {
            assert!(
                INSTRUCTIONS.contains(tool.name),
                "{} is not taught",
                tool.name
            );
        }
    }
}
