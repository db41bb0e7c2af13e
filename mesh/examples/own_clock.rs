//! Drives mesh through the library, with a clock of its own: a lease lapses at once,
//! because the clock says so, and the fence of the next holder is higher.
//!
//! `cargo run --example own_clock`

use std::error::Error;

use mesh::Mesh;
use mesh::backends::ManualClock;
use mesh::core::{Claim, ClaimStatus};

fn claim(agent_id: &str) -> Claim {
    Claim {
        agent_id: agent_id.into(),
        resource: "feature:auth".into(),
        lease_seconds: Some(60),
        ..Claim::default()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let clock = ManualClock::at(1_781_438_400_000);
    let mesh = Mesh::options(folder.path().join(".mesh"))
        .clock(clock.clone())
        .open();

    futures_executor::block_on(async {
        let ada = mesh.claim(claim("ada")).await?;
        println!("ada: {:?}, fence {}", ada.status, ada.fence);

        let ben = mesh.claim(claim("ben")).await?;
        println!("ben: {:?}, held by {:?}", ben.status, ben.holder);
        assert_eq!(ben.status, ClaimStatus::Denied);

        clock.advance(60_000);
        let ben = mesh.claim(claim("ben")).await?;
        println!("ben, 60 s later: {:?}, fence {}", ben.status, ben.fence);
        assert_eq!((ben.status, ben.fence), (ClaimStatus::Granted, 2));

        mesh.close().await;
        Ok(())
    })
}
