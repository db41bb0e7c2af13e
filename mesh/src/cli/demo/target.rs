//! What a fence is for: a resource that refuses whoever comes too late.

/// Something that agents deploy to. It cannot know who holds the lock, and need not:
/// it remembers the highest fence that it has seen and refuses a lower one.
#[derive(Debug, Default)]
pub(super) struct DeployTarget {
    newest: u64,
    live: Option<&'static str>,
}

/// A write under a fence that was superseded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StaleFence {
    /// The fence of the write.
    pub(super) fence: u64,
    /// The highest that was seen before.
    pub(super) newest: u64,
}

impl DeployTarget {
    /// Deploys `build` under `fence`.
    pub(super) fn deploy(&mut self, build: &'static str, fence: u64) -> Result<(), StaleFence> {
        if fence < self.newest {
            return Err(StaleFence {
                fence,
                newest: self.newest,
            });
        }
        self.newest = fence;
        self.live = Some(build);
        Ok(())
    }

    /// What is deployed.
    pub(super) fn live(&self) -> Option<&'static str> {
        self.live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_fence_changes_nothing() {
        let mut target = DeployTarget::default();
        assert_eq!(target.deploy("first", 1), Ok(()));
        assert_eq!(target.deploy("second", 3), Ok(()));
        assert_eq!(
            target.deploy("third", 3),
            Ok(()),
            "the same holder may write again"
        );
        assert_eq!(
            target.deploy("late", 1),
            Err(StaleFence {
                fence: 1,
                newest: 3
            })
        );
        assert_eq!(target.live(), Some("third"));
    }
}
