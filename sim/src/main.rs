//! The simulator's command line.
use std::time::Instant;
fn main() {
    let args: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let (from, to) = (args[0], args[1]);
    #[allow(clippy::disallowed_methods)]
    let start = Instant::now();
    let mut seen = sim::sometimes::Sometimes::default();
    let (mut steps, mut calls, mut fails) = (0, 0, 0);
    for seed in from..to {
        let outcome = sim::run_seed(seed);
        seen.add(&outcome.seen);
        steps += outcome.steps;
        calls += outcome.trace.calls.len();
        if let Some(broken) = &outcome.violation {
            fails += 1;
            if fails <= 10 { println!("seed {seed}: {broken}"); }
            if to - from == 1 { println!("{}\n{}", outcome.knobs, outcome.trace); }
        }
    }
    let n = (to - from) as f64;
    println!("{} fails; {:.0} seeds/s, {:.0} steps, {:.0} calls a seed", fails, n / start.elapsed().as_secs_f64(), steps as f64 / n, calls as f64 / n);
    for s in sim::sometimes::Seen::ALL { println!("{:>9} {s:?}", seen.count(*s)); }
}
