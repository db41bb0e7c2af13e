//! What a picture shows of a run, and what it leaves out.

/// What a picture is about, which decides what it leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Who holds these resources, and who waits for them.
    Claims(&'static [&'static str]),
    /// Messages, and cursors into them.
    Messages,
    /// The log itself: what is in it, and what of it would survive a power cut.
    Log,
    /// The store's lock.
    Lock,
    /// The files in the folder, and who cannot read them.
    Files,
}

/// What a picture shows, and what it leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Focus<'a> {
    /// What it is about.
    pub on: On,
    /// Whether the store's lock is shown where the picture is not about that.
    pub lock: bool,
    /// Whether the resource that is written to takes every write, whatever its fence.
    pub unfenced: bool,
    /// Texts that stand in its rows, in this order: it begins with the first, and ends
    /// with the last. Without any it shows the whole run.
    pub shows: &'a [&'a str],
}

impl<'a> Focus<'a> {
    /// The whole run.
    pub const fn on(on: On) -> Self {
        Self {
            on,
            lock: false,
            unfenced: false,
            shows: &[],
        }
    }

    /// From the first of these texts to the last.
    #[must_use]
    pub const fn shows(self, shows: &'a [&'a str]) -> Self {
        Self { shows, ..self }
    }

    /// The store's lock, too.
    #[must_use]
    pub const fn with_lock(self) -> Self {
        Self { lock: true, ..self }
    }

    /// A resource that checks nothing.
    #[must_use]
    pub const fn unfenced(self) -> Self {
        Self {
            unfenced: true,
            ..self
        }
    }

    pub(super) fn shows_lock(&self) -> bool {
        self.lock || matches!(self.on, On::Lock)
    }

    pub(super) fn held(&self) -> &'static [&'static str] {
        match self.on {
            On::Claims(resources) => resources,
            _ => &[],
        }
    }
}
