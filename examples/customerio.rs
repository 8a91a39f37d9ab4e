//! Customer.io: people are written through the Track API, at 100 a second for the whole workspace.
//!
//! `CUSTOMERIO_KEY=... cargo run --example customerio --features reqwest`. With `PACELINE_REDIS_URL`, every process that is started so
//! shares the budget; without it, this one has it alone. `CUSTOMERIO_URL` sends it elsewhere.

use std::{env, error::Error};

use paceline::{Limiter, MemoryStore, Pacer, Preset, RedisStore, reqwest_client};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("CUSTOMERIO_URL").unwrap_or_else(|_| "https://track.customer.io".into());
    let key = env::var("CUSTOMERIO_KEY").map_err(|_| "set CUSTOMERIO_KEY to SITE_ID:API_KEY")?;

    let preset = Preset::customerio();
    let budget = preset.budget("customerio", &[])?.build()?;
    let limiter = match env::var("PACELINE_REDIS_URL") {
        Ok(redis) => Limiter::new(RedisStore::connect(&redis).await?, budget),
        Err(_) => Limiter::new(MemoryStore::new(), budget),
    };
    let client = reqwest_client(Pacer::new(limiter.clone()).preset(preset))?;

    let (site, secret) = key.split_once(':').ok_or("CUSTOMERIO_KEY is written as SITE_ID:API_KEY")?;
    let people = (0..12).map(|n| {
        let person = client.put(format!("{url}/api/v1/customers/{n}")).basic_auth(site, Some(secret));
        person.header("content-type", "application/json").body(format!(r#"{{"email": "{n}@example.com"}}"#)).send()
    });
    for response in futures::future::join_all(people).await {
        println!("{}", response?.status());
    }

    // What this process used is known to the others before it ends.
    limiter.flush().await?;
    Ok(())
}
