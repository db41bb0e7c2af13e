//! The nine tools as rmcp serves them.

use std::pin::pin;
use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest,
    CustomResult, ErrorCode, ErrorData, Implementation, ListToolsResult, PaginatedRequestParams,
    RequestId, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::{QuitReason, RequestContext, ServerInitializeError};
use rmcp::{RoleServer, ServerHandler, ServiceExt};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use crate::coordinator::Parcel;
use crate::core::{Command, Rejection, Reply, escape};
use crate::ports::StorageError;
use crate::tools::{self, Access, Pin};
use crate::{Mesh, MeshError};

use super::client::Client;
use super::instructions::instructions;
use super::keepalive::Keepalive;
use super::outbox::Outbox;
use super::progress::Progress;
use super::shutdown::Shutdown;
use super::transport::Streams;

/// What the server serves: an open folder, or why there is none. A server starts in
/// either case, since an agent reads the answer to a call, but not why a process died
/// (rule G7).
pub type Folder = Result<Mesh, StorageError>;

/// Why a server ended before its time.
#[derive(Debug)]
pub enum ServeError {
    /// The session could not be set up.
    Handshake(String),
    /// The server's own task failed: a bug.
    Task(String),
}

impl std::fmt::Display for ServeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Handshake(why) => write!(f, "the MCP session could not start: {why}"),
            Self::Task(why) => write!(f, "the MCP server failed: {why}; please report it"),
        }
    }
}

impl std::error::Error for ServeError {}

/// Serves one client until the input ends, `shutdown` begins or nobody reads the
/// output any more. The calls received by then are answered first.
///
/// # Errors
///
/// [`ServeError`]; none for a client that just goes away.
pub async fn serve<R, W>(
    folder: Folder,
    client: Client,
    reader: R,
    writer: W,
    shutdown: &Shutdown,
) -> Result<(), ServeError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let outbox = Outbox::default();
    let streams = Streams::new(reader, writer, shutdown.clone(), outbox.clone());
    let server = Server::new(folder, client, shutdown.clone(), outbox);
    match server.serve(streams).await {
        Ok(session) => match session.waiting().await {
            Ok(QuitReason::JoinError(error)) | Err(error) => {
                return Err(ServeError::Task(error.to_string()));
            }
            Ok(reason) => tracing::debug!(?reason, "the session ended"),
        },
        Err(ServerInitializeError::ConnectionClosed(_)) => {}
        Err(error) if shutdown.has_begun() => tracing::debug!(%error, "no session"),
        Err(error) => return Err(ServeError::Handshake(error.to_string())),
    }
    Ok(())
}

/// One session's view of a folder.
#[derive(Clone)]
struct Server {
    folder: Folder,
    client: Client,
    /// Dropped with the session, and the signs of life end with it.
    keepalive: Arc<Keepalive>,
    tools: Arc<[Tool]>,
    shutdown: Shutdown,
    outbox: Outbox,
}

impl Server {
    fn new(folder: Folder, client: Client, shutdown: Shutdown, outbox: Outbox) -> Self {
        let schema = match &client.pin {
            Some(_) => Pin::input_schema,
            None => tools::Tool::input_schema,
        };
        Self {
            folder,
            client,
            keepalive: Arc::default(),
            tools: tools::TOOLS.iter().map(|t| listed(t, schema)).collect(),
            shutdown,
            outbox,
        }
    }

    /// Calls a tool in a task of its own: should it panic, the panic ends there, and
    /// the client gets an answer instead of waiting for ever.
    async fn call(
        &self,
        tool: &'static tools::Tool,
        arguments: Map<String, Value>,
        id: &RequestId,
    ) -> CallToolResult {
        // Dropped with the task in it, the set ends the task.
        let mut task = JoinSet::new();
        task.spawn(self.clone().answer(tool, arguments));
        match task.join_next().await {
            Some(Ok(Some(parcel))) => {
                let result = match parcel.answer() {
                    Ok(reply) => success(reply),
                    Err(error) => {
                        tracing::debug!(tool = tool.name, %error, "refused");
                        failure(error.to_string())
                    }
                };
                self.outbox.handled(id, parcel);
                result
            }
            Some(Ok(None)) => failure(GONE.to_owned()),
            Some(Err(panic)) => {
                tracing::error!(tool = tool.name, %panic, "a call failed inside mesh");
                failure(BUG.to_owned())
            }
            None => failure(BUG.to_owned()),
        }
    }

    /// Asks the coordinator. A call that it holds ends early with the session: when the
    /// server is told to end, with the answer as things stand; when the client is gone,
    /// with none, and what the call had queued for is withdrawn (rule W3).
    async fn answer(
        self,
        tool: &'static tools::Tool,
        arguments: Map<String, Value>,
    ) -> Option<Parcel> {
        let (mesh, command) = match self.prepare(tool, arguments) {
            Ok(prepared) => prepared,
            Err(error) => return Some(Parcel::plain(Err(error))),
        };
        if command.patience() == 0 {
            return Some(self.at_once(mesh, command).await);
        }
        let mut sent = pin!(mesh.send(command));
        tokio::select! {
            // First, so that the call is on its way before the end of waiting is.
            biased;
            parcel = &mut sent => return Some(parcel),
            () = self.outbox.hung_up() => return None,
            () = self.shutdown.begun() => mesh.end_waits(),
        }
        tokio::select! {
            parcel = sent => Some(parcel),
            () = self.outbox.hung_up() => None,
        }
    }

    /// Asks for what is answered at once. Who has registered is kept alive from then on,
    /// if that is wanted.
    async fn at_once(&self, mesh: Mesh, command: Command) -> Parcel {
        let registration = match &command {
            Command::Register(register) if self.client.keepalive => Some(register.clone()),
            _ => None,
        };
        let parcel = mesh.send(command).await;
        if let Some(register) = registration.filter(|_| parcel.answer().is_ok()) {
            self.keepalive.begin(mesh, &register);
        }
        parcel
    }

    fn prepare(
        &self,
        tool: &'static tools::Tool,
        mut arguments: Map<String, Value>,
    ) -> Result<(Mesh, Command), MeshError> {
        let client = &self.client;
        client.fill(&mut arguments).map_err(MeshError::Rejected)?;
        let mut command = tool.decode(&arguments).map_err(MeshError::Rejected)?;
        client.sign(&mut command);
        let mesh = self.folder.clone().map_err(MeshError::Storage)?;
        Ok((mesh, command))
    }
}

/// What is said of a held call whose client went away, should anybody still read it.
const GONE: &str = "the client went away while the call waited; the ticket that it took is \
                    withdrawn";

/// What an agent is told about a panic, or a reply that cannot be written.
const BUG: &str = "the call failed inside mesh, which is a bug in mesh; whether it took effect is \
                   unknown: look with claims or inbox before you repeat it";

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let version = env!("CARGO_PKG_VERSION");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("mesh", version))
            .with_instructions(instructions(self.client.pin.as_ref()))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.to_vec()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools.iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tool = find(&request.name)?;
        let arguments = request.arguments.unwrap_or_default();
        let progress = Progress::of(&arguments, &context);
        let result = tokio::select! {
            result = self.call(tool, arguments, &context.id) => result,
            () = context.ct.cancelled() => {
                self.outbox.dropped(&context.id);
                failure(GONE.to_owned())
            }
            never = progress.report() => match never {},
        };
        Ok(result.into())
    }

    /// rmcp hands over here what it could not read, and so a call whose arguments are
    /// no object.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        if request.method != "tools/call" {
            return Err(ErrorData::new(
                ErrorCode::METHOD_NOT_FOUND,
                request.method,
                None,
            ));
        }
        let mut result = refuse_unreadable(&request.params.unwrap_or_default())?;
        // rmcp adapts this field to the client's version only in its own types.
        result.result_type = None;
        let result = serde_json::to_value(result);
        result
            .map(CustomResult::new)
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))
    }
}

/// The answer to a `tools/call` whose params rmcp could not read.
fn refuse_unreadable(params: &Value) -> Result<CallToolResult, ErrorData> {
    let Some(name) = params["name"].as_str() else {
        let message = "tools/call needs params with the name of a tool";
        return Err(ErrorData::invalid_params(message, None));
    };
    find(name)?;
    let got = match &params["arguments"] {
        Value::Null | Value::Object(_) => {
            let message = "the params of tools/call cannot be read";
            return Err(ErrorData::invalid_params(message, None));
        }
        Value::Array(_) => "a list",
        Value::String(_) => "a string",
        Value::Bool(_) | Value::Number(_) => "a number or a truth value",
    };
    let rejection = Rejection::described("arguments", got, "a JSON object");
    Ok(failure(rejection.to_string()))
}

fn find(name: &str) -> Result<&'static tools::Tool, ErrorData> {
    tools::find(name).ok_or_else(|| {
        let names: Vec<&str> = tools::TOOLS.iter().map(|tool| tool.name).collect();
        let message = format!(
            "unknown tool \"{}\"; there are {}",
            escape(name),
            names.join(", ")
        );
        ErrorData::invalid_params(message, None)
    })
}

/// Structured content, and the same JSON as text (rule G2). The text keeps the order
/// of the contract, which puts the status first.
fn success(reply: &Reply) -> CallToolResult {
    match (serde_json::to_string(reply), serde_json::to_value(reply)) {
        (Ok(text), Ok(value)) => {
            let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
            result.structured_content = Some(value);
            result
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "a reply does not serialize");
            failure(BUG.to_owned())
        }
    }
}

/// A tool error. It has no structured content: the TypeScript client holds that of an
/// error, too, to the output schema, and shows its complaint in place of the message.
fn failure(message: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(message)])
}

/// A row of the table as MCP lists it.
fn listed(tool: &tools::Tool, schema: fn(&tools::Tool) -> Map<String, Value>) -> Tool {
    Tool::new(tool.name, tool.description, schema(tool))
        .with_title(tool.title)
        .with_raw_output_schema(Arc::new(tool.output_schema()))
        .with_annotations(annotations(tool.access))
}

/// The hints that differ from what MCP assumes, to keep the list short.
fn annotations(access: Access) -> ToolAnnotations {
    let hints = ToolAnnotations::new();
    match access {
        Access::Reads => hints.read_only(true),
        Access::Repeatable => hints.destructive(false).idempotent(true),
        Access::Adds => hints.destructive(false),
        Access::Deletes => hints.destructive(true).idempotent(true),
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
