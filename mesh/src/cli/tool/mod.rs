//! The nine tools from the command line.
//!
//! It translates and nothing more: what was typed becomes the JSON arguments that an MCP
//! client would send, the table of the tools makes a command of them, and the reply is
//! shown as a table or, with `--json`, exactly as the tool gives it.

mod arguments;
mod manner;
mod present;

use std::io::{self, Read};

use serde_json::Value;

use crate::Mesh;
use crate::core::{
    ClaimStatus, Claims, Command, MAX_BODY_BYTES, Release, ReleaseStatus, Reply, Wait,
};

use super::failure::Failure;
use super::folder::{Wanted, close_folder, open_folder};
use super::screen::Screen;
use super::signals::Ends;
use super::{Ending, logging, output, runtime, session};

use arguments::AGENT_ID;
pub(super) use arguments::ToolCall;
pub(super) use present::{claims_table, liveness};

/// Who asks where nobody is named and the answer does not depend on it.
const ANYBODY: &str = "cli";

/// The argument that names a claim.
const CLAIM_ID: &str = "claim_id";
/// What is no claim's id.
const NO_CLAIM: &str = "-";

/// Calls the tool and shows its reply.
pub(super) fn run(mut call: ToolCall) -> Result<Ending, Failure> {
    logging::start();
    call.name_somebody()?;
    call.read_body()?;
    let names_no_claim = call.leave_the_claim_open();
    let command = call.tool.decode(&call.arguments);
    let mut command = command.map_err(|rejection| Failure::Usage(rejection.to_string()))?;
    if let Command::Register(register) = &mut command {
        register.session = session::of_environment()?.as_deref().map(str::to_owned);
    }
    let reply = runtime()?.block_on(async {
        let mesh = call.open()?;
        if let (Command::Release(release), true) = (&mut command, names_no_claim) {
            release.claim_id = own_claim(&mesh, release).await?;
        }
        let asked = ask(&mesh, &command).await;
        close_folder(Ok(mesh)).await;
        asked
    })?;
    let reply = match reply {
        Asked::Answered(reply) => reply,
        Asked::Interrupted(code) => return Ok(Ending::Code(code)),
    };
    if call.json {
        output::say_json(&reply)?;
    } else {
        output::say(present::present(&reply, &Screen::stdout()).join("\n"))?;
        present::lost(&reply).into_iter().for_each(output::complain);
        if let Some(hint) = hint(&reply, &command) {
            output::complain(hint);
        }
    }
    Ok(ending(&reply))
}

/// What became of a call.
enum Asked {
    Answered(Reply),
    /// A signal ended it, with this exit code.
    Interrupted(u8),
}

/// Calls. While a call waits, a signal takes it back, with what it had queued for (rule
/// W3); one that does not wait is over before it could be.
async fn ask(mesh: &Mesh, command: &Command) -> Result<Asked, Failure> {
    if command.patience() == 0 {
        return Ok(Asked::Answered(mesh.call(command.clone()).await?));
    }
    let signals = Ends::listen();
    let mut signals = signals.map_err(|e| Failure::system("cannot listen for signals", e))?;
    tokio::select! {
        reply = mesh.call(command.clone()) => Ok(Asked::Answered(reply?)),
        code = signals.next() => Ok(Asked::Interrupted(code)),
    }
}

impl ToolCall {
    /// Sees to it that there is an agent where the tool requires one.
    fn name_somebody(&mut self) -> Result<(), Failure> {
        let mut parameters = self.tool.parameters.iter();
        let required = parameters.any(|p| p.name == AGENT_ID && p.required);
        if !required || self.arguments.contains_key(AGENT_ID) {
            return Ok(());
        }
        if !manner::of(self.tool.name).anonymous {
            let tool = self.tool.name;
            let what = format!("{tool} needs an agent: give --agent ID, or set MESH_AGENT");
            return Err(Failure::Usage(what));
        }
        self.arguments.insert(AGENT_ID.to_owned(), ANYBODY.into());
        Ok(())
    }

    /// A body of `-` is read from standard input, as far as one more byte than allowed.
    fn read_body(&mut self) -> Result<(), Failure> {
        let Some(body) = self.arguments.get_mut("body") else {
            return Ok(());
        };
        if body.as_str() != Some("-") {
            return Ok(());
        }
        let mut text = String::new();
        let input = io::stdin().lock().take(MAX_BODY_BYTES as u64 + 2);
        let read = io::BufReader::new(input).read_to_string(&mut text);
        read.map_err(|error| Failure::system("cannot read the body from standard input", error))?;
        let line_end = text.strip_suffix('\n').unwrap_or(&text);
        *body = Value::from(line_end);
        Ok(())
    }

    /// A release may leave its claim_id out, since a person does not remember it: then
    /// the agent's own claim is meant. Whether that is so here.
    fn leave_the_claim_open(&mut self) -> bool {
        let open = self.tool.name == "release" && !self.arguments.contains_key(CLAIM_ID);
        if open {
            self.arguments.insert(CLAIM_ID.to_owned(), NO_CLAIM.into());
        }
        open
    }

    fn open(&self) -> Result<Mesh, Failure> {
        open_folder(match manner::of(self.tool.name).founds {
            true => Wanted::Made,
            false => Wanted::Existing,
        })
    }
}

/// The claim by which an agent holds or awaits a resource; what names no claim where it
/// does neither. Should it change before it is released, the release finds it unknown.
async fn own_claim(mesh: &Mesh, release: &Release) -> Result<String, Failure> {
    let claims = Claims {
        agent_id: release.agent_id.clone(),
        resource: Some(release.resource.clone()),
    };
    let reply = mesh.claims(claims).await?;
    let holders = reply.claims.iter().flat_map(|claim| &claim.holders);
    let tickets = reply.claims.iter().flat_map(|claim| &claim.queue);
    let mut claims = holders
        .map(|holder| (&holder.agent_id, holder.claim_id))
        .chain(tickets.map(|ticket| (&ticket.agent_id, ticket.claim_id)));
    let own = claims.find(|(agent_id, _)| ***agent_id == *release.agent_id);
    Ok(own.map_or_else(|| NO_CLAIM.to_owned(), |(_, id)| id.to_string()))
}

fn ending(reply: &Reply) -> Ending {
    match reply {
        Reply::Claim(reply) if reply.status != ClaimStatus::Granted => Ending::Waiting,
        Reply::Release(reply) if reply.status != ReleaseStatus::Released => Ending::Unmet,
        _ => Ending::Done,
    }
}

/// What to do about a reply that is not what was wished.
fn hint(reply: &Reply, command: &Command) -> Option<&'static str> {
    match (reply, command) {
        (Reply::Claim(reply), _) if reply.status == ClaimStatus::Queued => {
            Some("in line; claim again until it is granted, or release the ticket")
        }
        (Reply::Claim(reply), _) if reply.deadlock.is_some() => {
            Some("it would wait for itself; release what the others wait for, then claim again")
        }
        (Reply::Claim(reply), Command::Claim(claim)) if reply.status == ClaimStatus::Denied => {
            match claim.wait() {
                Wait::NoWait => Some("it is taken; claim with --queue to wait in line"),
                Wait::Queue => Some("release your shared claim first, then claim with --queue"),
            }
        }
        (Reply::Release(reply), _) => match reply.status {
            ReleaseStatus::Released => None,
            ReleaseStatus::NotHolder => {
                Some("that claim is another agent's; `mesh claims` shows which is whose")
            }
            ReleaseStatus::Unknown => Some(
                "there is no such claim: it was released, or lapsed; `mesh claims` shows those \
                 that are",
            ),
        },
        _ => None,
    }
}
