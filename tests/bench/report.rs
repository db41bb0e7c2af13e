//! The report: a page of Markdown with a table for each group of figures, and plots.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::error::Result;
use crate::machine::Machine;
use crate::plan::Plan;
use crate::stats::{Goal, Sample};

/// One line of a table.
#[derive(Clone)]
pub(crate) struct Row {
    /// What was measured.
    what: String,
    /// How mesh does.
    mesh: Sample,
    /// What stands beside it, and how that does.
    beside: Option<(String, Sample)>,
    /// What is held to the goal.
    score: Option<(Sample, Goal)>,
}

impl Row {
    /// A figure that stands for itself.
    pub(crate) fn new(what: impl Into<String>, mesh: &Sample) -> Self {
        Self {
            what: what.into(),
            mesh: mesh.clone(),
            beside: None,
            score: None,
        }
    }

    /// The same, beside another.
    pub(crate) fn beside(mut self, other: impl Into<String>, sample: &Sample) -> Self {
        self.beside = Some((other.into(), sample.clone()));
        self
    }

    /// The same, with a number that is held to a goal.
    pub(crate) fn goal(mut self, score: Sample, goal: Goal) -> Self {
        self.score = Some((score, goal));
        self
    }

    /// Whether its goal is met, if it has one.
    pub(crate) fn is_met(&self) -> Option<bool> {
        let (score, goal) = self.score.as_ref()?;
        Some(goal.is_met(score))
    }

    fn markdown(&self) -> String {
        let beside = match &self.beside {
            Some((name, sample)) => format!("{name}: {sample}"),
            None => "–".to_owned(),
        };
        let (score, goal, verdict) = match &self.score {
            Some((score, goal)) => {
                let verdict = if goal.is_met(score) { "yes" } else { "**no**" };
                (score.to_string(), goal.shown(score.unit), verdict)
            }
            None => ("–".to_owned(), "–".to_owned(), "–"),
        };
        let (what, mesh) = (&self.what, &self.mesh);
        format!("| {what} | {mesh} | {beside} | {score} | {goal} | {verdict} |\n")
    }
}

/// A picture.
pub(crate) struct Plot {
    /// The name of its file.
    pub(crate) name: String,
    /// What it shows.
    pub(crate) title: String,
    /// The picture.
    pub(crate) svg: String,
}

/// Figures that were taken together.
pub(crate) struct Group {
    /// What they are about.
    pub(crate) title: &'static str,
    /// How they were taken, and what is not in them.
    pub(crate) method: String,
    /// The figures.
    pub(crate) rows: Vec<Row>,
    /// Pictures of them.
    pub(crate) plots: Vec<Plot>,
}

impl Group {
    /// The group as it stands in the report.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n{}\n\n", self.title, self.method);
        text += "| what | mesh | beside | compared | goal | met |\n";
        text += "|---|---|---|---|---|---|\n";
        text.extend(self.rows.iter().map(Row::markdown));
        for plot in &self.plots {
            let _ = write!(text, "\n![{}]({})\n", plot.title, plot.name);
        }
        text
    }
}

/// The whole page.
pub(crate) fn markdown(machine: &Machine, plan: &Plan, groups: &[Group]) -> String {
    let mut text = "# Benchmarks\n\n".to_owned();
    let _ = write!(
        text,
        "Written by `cargo run -p tests --profile dist --bin bench -- all`; not by hand. Each figure \
         is the median of {} interleaved runs, with the smallest and the largest run in \
         brackets. What is compared is compared run by run, since machines and disks vary more \
         from minute to minute than from one side to the other.\n\n{}\n",
        plan.runs,
        machine.markdown()
    );
    if plan.quick {
        text += "**A quick look (`--quick`): too few measurements to rely on.**\n\n";
    }
    let verdicts = groups.iter().flat_map(|group| &group.rows);
    let verdicts: Vec<bool> = verdicts.filter_map(Row::is_met).collect();
    let met = verdicts.iter().filter(|met| **met).count();
    let _ = write!(text, "{met} of {} goals are met.\n\n", verdicts.len());
    let groups: Vec<String> = groups.iter().map(Group::markdown).collect();
    text + &groups.join("\n")
}

/// Writes the page and its pictures into `out`.
///
/// # Errors
///
/// Where that fails.
pub(crate) fn write(out: &Path, page: &str, groups: &[Group]) -> Result<()> {
    fs::create_dir_all(out)?;
    for plot in groups.iter().flat_map(|group| &group.plots) {
        fs::write(out.join(&plot.name), &plot.svg)?;
    }
    Ok(fs::write(out.join("README.md"), page)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Unit, tests::sample};

    #[test]
    fn a_row_says_what_stands_beside_and_whether_the_goal_is_met() {
        let ours = sample(Unit::Time, &[2.0, 4.0, 3.0]);
        let theirs = sample(Unit::Time, &[1.0, 2.0, 1.0]);
        let ratio = ours.over(&theirs);
        let row = Row::new("a pair", &ours).beside("bare", &theirs);
        let missed = row.goal(ratio.clone(), Goal::AtMost(1.5));
        assert_eq!(
            missed.markdown(),
            "| a pair | 3.00 s (2.00 s – 4.00 s) | bare: 1.00 s (1.00 s – 2.00 s) \
             | 2.00 × (2.00 × – 3.00 ×) | ≤ 1.50 × | **no** |\n"
        );
        assert_eq!(missed.is_met(), Some(false));
        let met = Row::new("a pair", &ours).goal(ratio, Goal::AtMost(2.0));
        assert_eq!(met.is_met(), Some(true));
        assert_eq!(Row::new("a pair", &ours).is_met(), None);
    }

    #[test]
    fn a_group_shows_its_pictures() {
        let group = Group {
            title: "Pairs",
            method: "Measured.".to_owned(),
            rows: vec![Row::new("a pair", &sample(Unit::Times, &[1.0]))],
            plots: vec![Plot {
                name: "pairs.svg".to_owned(),
                title: "Pairs by time".to_owned(),
                svg: String::new(),
            }],
        };
        let text = group.markdown();
        assert!(
            text.starts_with("## Pairs\n\nMeasured.\n\n| what |"),
            "{text}"
        );
        assert!(
            text.contains("| a pair | 1.00 × | – | – | – | – |\n"),
            "{text}"
        );
        assert!(text.ends_with("\n![Pairs by time](pairs.svg)\n"), "{text}");
    }
}
