//! What the tests of all models share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::Duration;

use model::cases::Case;
use model::stories::Tale;

/// No configuration may take longer, where others use the cores as well.
const LIMIT: Duration = Duration::from_secs(300);

/// Explores each case; all that fails is told at once.
pub(crate) fn check(cases: &[Case]) {
    let mut failures = String::new();
    for case in cases {
        if let Err(failure) = case.check(LIMIT, &mut |_, _| {}) {
            failures += &format!("{}, {}: {failure}\n", case.model(), case.name);
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// Tells each tale: each must break what it says, in as many steps as are pinned.
pub(crate) fn tell(tales: &[Tale]) {
    let mut failures = String::new();
    for tale in tales {
        let found = tale.tell();
        let right = found.as_ref().is_some_and(|story| {
            story.property.starts_with(tale.breaks) && story.steps.len() == tale.steps
        });
        if !right {
            let found = found.map_or("nothing breaks\n".to_owned(), |story| story.to_string());
            failures += &format!(
                "{}: not {} in {} steps, but {found}",
                tale.title, tale.breaks, tale.steps
            );
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
