//! The nine tools as clap commands, made from the table of the tools.
//!
//! A parameter becomes an option of its name (`lease_seconds`: `--lease-seconds`, and
//! `--lease` for short), a choice other than the first also a flag of its own (`--queue`
//! for `--wait queue`), and a list an option that may be given several times. What a
//! value may be is not checked here: the arguments go through
//! [`Tool::decode`](crate::tools::Tool::decode) like those of an MCP client.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, Subcommand};
use serde_json::{Map, Number, Value};

use crate::tools::{Kind, Literal, Parameter, TOOLS, Tool, find};

use super::manner;

/// The argument by which a caller names itself.
pub(super) const AGENT_ID: &str = "agent_id";

/// A call of a tool, as it was typed.
#[derive(Clone, Debug)]
pub(in crate::cli) struct ToolCall {
    /// Which.
    pub(super) tool: &'static Tool,
    /// With what, as an MCP client would send it.
    pub(super) arguments: Map<String, Value>,
    /// Whether the reply is wanted as JSON.
    pub(super) json: bool,
}

impl Subcommand for ToolCall {
    fn augment_subcommands(command: Command) -> Command {
        command.subcommands(TOOLS.iter().map(subcommand))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        find(name).is_some()
    }
}

impl FromArgMatches for ToolCall {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let called = matches.subcommand();
        let called = called.and_then(|(name, given)| Some((find(name)?, given)));
        let Some((tool, given)) = called else {
            return Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand));
        };
        let named = |p: &'static Parameter| Some((p.name.to_owned(), value(p, given)?));
        Ok(Self {
            tool,
            arguments: tool.parameters.iter().filter_map(named).collect(),
            json: given.get_flag("json"),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn subcommand(tool: &'static Tool) -> Command {
    let manner = manner::of(tool.name);
    let examples: Vec<String> = manner.examples.lines().map(|l| format!("  {l}")).collect();
    let json = Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Print the reply as JSON, as the MCP tool gives it");
    let command = Command::new(tool.name)
        .about(tool.title)
        .long_about(format!("{}\n\n{}", tool.title, tool.description))
        .after_help(format!("Examples:\n{}", examples.join("\n")))
        .visible_aliases(manner.alias);
    // By place first, in the order of the places.
    let placed = |name: &&'static str| tool.parameters.iter().find(|p| p.name == *name);
    let by_place = manner.positional.iter().filter_map(placed);
    let by_name = tool.parameters.iter();
    let by_name = by_name.filter(|p| !manner.positional.contains(&p.name));
    command
        .args(
            by_place.map(|p| argument(p).required(p.required && !manner.implied.contains(&p.name))),
        )
        .args(by_name.flat_map(|p| options(tool, p)))
        .arg(json)
}

/// An argument without a flag.
fn argument(parameter: &'static Parameter) -> Arg {
    Arg::new(parameter.name)
        .value_name(parameter.name.to_uppercase())
        .help(help(parameter))
}

/// The flags of a parameter.
fn options(tool: &Tool, parameter: &'static Parameter) -> Vec<Arg> {
    let name = parameter.name;
    let option = argument(parameter).long(kebab(name));
    match parameter.kind {
        _ if name == AGENT_ID => vec![agent(option)],
        Kind::Text => vec![option.required(parameter.required)],
        Kind::Flag => vec![option.action(ArgAction::SetTrue)],
        Kind::Integer { .. } => {
            // Signs are for `decode` to refuse, which says what is allowed.
            let option = option.value_name("N").allow_negative_numbers(true);
            let short = name.strip_suffix("_seconds");
            // `--wait` says how a claim waits.
            let short = short.filter(|short| tool.parameters.iter().all(|p| p.name != *short));
            vec![option.visible_aliases(short.map(kebab))]
        }
        Kind::Texts => {
            let one = name.strip_suffix('s').unwrap_or(name);
            let option = option.long(kebab(one)).value_name(one.to_uppercase());
            vec![option.alias(kebab(name)).action(ArgAction::Append)]
        }
        Kind::Choice(choices) => {
            let option = option.value_parser(PossibleValuesParser::new(choices));
            let flags = choices.iter().skip(1).map(|choice| shorthand(name, choice));
            std::iter::once(option).chain(flags).collect()
        }
    }
}

fn agent(option: Arg) -> Arg {
    option
        .long("agent")
        .short('a')
        .value_name("ID")
        .env("MESH_AGENT")
        .hide_env_values(true)
}

/// `--queue` for `--wait queue`.
fn shorthand(name: &'static str, choice: &'static str) -> Arg {
    Arg::new(flag_id(name, choice))
        .long(kebab(choice))
        .action(ArgAction::SetTrue)
        .conflicts_with(name)
        .help(format!("The same as --{} {choice}", kebab(name)))
}

fn flag_id(name: &str, choice: &str) -> String {
    format!("{name}={choice}")
}

fn kebab(name: &str) -> String {
    name.replace('_', "-")
}

/// The table's line, with what it may be and what it is when left out.
fn help(parameter: &Parameter) -> String {
    let mut notes = Vec::new();
    if let Kind::Integer { min, max } = parameter.kind {
        notes.push(format!("{min} to {max}"));
    }
    match parameter.default {
        Some(Literal::Integer(value)) => notes.push(format!("default: {value}")),
        Some(Literal::Choice(value)) => notes.push(format!("default: {value}")),
        Some(Literal::Flag(_) | Literal::NoTexts) | None => {}
    }
    match notes.is_empty() {
        true => parameter.description.to_owned(),
        false => format!("{} [{}]", parameter.description, notes.join("; ")),
    }
}

/// The value of a parameter as JSON, if it was given.
fn value(parameter: &Parameter, given: &ArgMatches) -> Option<Value> {
    let name = parameter.name;
    match parameter.kind {
        Kind::Flag => given.get_flag(name).then_some(true.into()),
        Kind::Texts => {
            let texts = given.get_many::<String>(name)?;
            Some(texts.map(String::as_str).collect())
        }
        Kind::Integer { .. } => given.get_one::<String>(name).map(|text| number(text)),
        Kind::Choice(choices) => {
            let mut flags = choices.iter().skip(1);
            let flag = flags.find(|choice| given.get_flag(&flag_id(name, choice)));
            let named = || given.get_one::<String>(name).map(String::as_str);
            flag.copied().or_else(named).map(Value::from)
        }
        Kind::Text => {
            let text = given.get_one::<String>(name)?;
            // An empty MESH_AGENT names nobody.
            (name != AGENT_ID || !text.is_empty()).then(|| text.as_str().into())
        }
    }
}

/// The number that a text writes; the text itself where it writes none, for
/// [`Tool::decode`] to refuse.
fn number(text: &str) -> Value {
    let number = serde_json::from_str::<Number>(text);
    number.map_or_else(|_| text.into(), Value::Number)
}
