//! A thread that answers questions one after another, so that no frame waits for an answer.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// The other end of the thread; it ends when this is dropped.
pub struct Worker<Q, A> {
    questions: SyncSender<Q>,
    answers: Receiver<A>,
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// A thread of this name, for which at most `most` questions wait, and as many answers. `wake` is called when there is
    /// an answer.
    pub(crate) fn start(
        name: &str,
        most: usize,
        answer: impl Fn(Q) -> A + Send + 'static,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel(most);
        let (answered, answers) = sync_channel(most);
        let work = move || {
            while let Ok(question) = asked.recv() {
                if answered.send(answer(question)).is_err() {
                    return;
                }
                wake();
            }
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { questions, answers })
    }

    /// Asks. False when too much waits already.
    pub fn ask(&self, question: Q) -> bool {
        !matches!(self.questions.try_send(question), Err(TrySendError::Full(_) | TrySendError::Disconnected(_)))
    }

    /// The next answer.
    pub fn next(&self) -> Option<A> {
        self.answers.try_recv().ok()
    }
}
