//! Calls, with everything written down that the checkers judge them by.

use mesh::MeshError;
use mesh::core::{Command, Reply};

use super::agent::Agent;
use super::waits::{Stays, first};
use crate::trace::{Answer, Call, Record, Seen};
use crate::world::until_unless;

impl Agent {
    /// Calls, with everything written down.
    pub(crate) async fn call(&self, command: Command) -> Result<Reply, MeshError> {
        let stays = Stays::ToTheEnd;
        // Whoever stays is answered.
        self.call_for(command, stays)
            .await
            .unwrap_or(Err(MeshError::Closed))
    }

    /// The same, and perhaps goes away before it hears the answer.
    pub(super) async fn call_for(
        &self,
        command: Command,
        stays: Stays,
    ) -> Option<Result<Reply, MeshError>> {
        let waits = usize::from(command.patience() > 0);
        let (call, proposed) = self.note_call(&command);
        let result = match stays {
            Stays::ToTheEnd => Some(self.mesh.call(command).await),
            Stays::UntilTheAnswer => Some(self.mesh.send(command).await.answer().clone()),
            Stays::For(micros) => {
                let at = self.world.borrow().now + micros;
                let leaves = until_unless(&self.world, self.task, at);
                first(self.mesh.call(command), leaves).await
            }
        };
        let mut world = self.world.borrow_mut();
        let process = &mut world.processes[self.task.process];
        process.open_calls = process.open_calls.saturating_sub(1);
        process.waiting_calls = process.waiting_calls.saturating_sub(waits);
        let Some(result) = result else {
            process.left = true;
            world.trace.calls[call].left = true;
            world.seen.hit(Seen::CallerLeft);
            world.record(self.task.process, Record::Left { call });
            return None;
        };
        process.answered = true;
        let (first, last, now) = process.decided.unwrap_or_default();
        let answer = Answer {
            result: result.clone(),
            decided: (first, last),
            now,
            batch: (process.incarnation, process.batch),
            beside_waiting: process.waiting_calls > 0 || process.left,
            proposed: process.proposed[proposed..].to_vec(),
        };
        let heard = stays != Stays::UntilTheAnswer;
        if heard && !matches!(result, Err(MeshError::Storage(_) | MeshError::Closed)) {
            world.ledger.tell(answer.decided.1);
        }
        if let Ok(Reply::Post(reply)) = &result
            && reply.posted_at.0 != answer.now
        {
            world.seen.hit(Seen::RetryAnswered);
        }
        world.trace.calls[call].answer = Some(answer);
        if !heard {
            world.trace.calls[call].left = true;
            world.seen.hit(Seen::CallerLeft);
            world.record(self.task.process, Record::Left { call });
            return None;
        }
        world.record(self.task.process, Record::Answered { call });
        Some(result)
    }

    /// Notes a call; gives its number, and how many entries its process proposed before.
    fn note_call(&self, command: &Command) -> (usize, usize) {
        let mut world = self.world.borrow_mut();
        world.calls_left = world.calls_left.saturating_sub(1);
        let told_before = world.ledger.told();
        let process = &mut world.processes[self.task.process];
        process.open_calls += 1;
        process.waiting_calls += usize::from(command.patience() > 0);
        let others_open = process.open_calls - 1;
        let ready = process.open_calls - process.waiting_calls;
        let proposed = process.proposed.len();
        let limits = world.trace.limits;
        if ready > limits.batch_commands {
            world.seen.hit(Seen::BatchPassed);
        }
        if ready > limits.queue {
            world.seen.hit(Seen::QueuePassed);
        }
        let call = Call {
            agent: self.name.clone(),
            process: self.task.process,
            command: command.clone(),
            told_before,
            others_open,
            left: false,
            answer: None,
        };
        world.trace.calls.push(call);
        let call = world.trace.calls.len() - 1;
        world.record(self.task.process, Record::Called { call });
        (call, proposed)
    }
}
