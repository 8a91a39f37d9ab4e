//! Klaviyo: two operations, each with limits of its own by its tier; the preset knows which.
//!
//! `KLAVIYO_KEY=... cargo run --example klaviyo --features reqwest`. With `PACELINE_REDIS_URL`, every process that is started so
//! shares the budget; without it, this one has it alone. `KLAVIYO_URL` sends it elsewhere.

use std::{env, error::Error};

use paceline::{Limiter, MemoryStore, Pacer, Preset, RedisStore, reqwest_client};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("KLAVIYO_URL").unwrap_or_else(|_| "https://a.klaviyo.com".into());
    let key = env::var("KLAVIYO_KEY").map_err(|_| "set KLAVIYO_KEY to a private API key")?;

    let preset = Preset::klaviyo();
    let budget = preset.budget("klaviyo", &[])?.build()?;
    let limiter = match env::var("PACELINE_REDIS_URL") {
        Ok(redis) => Limiter::new(RedisStore::connect(&redis).await?, budget),
        Err(_) => Limiter::new(MemoryStore::new(), budget),
    };
    let client = reqwest_client(Pacer::new(limiter.clone()).preset(preset))?;

    // Templates are of tier L, 75 a second. A segment is of the same tier, unless its profiles are to be counted: then it is of
    // tier XS, 1 a second. The slow ones hold the quick ones up in nothing.
    let counted = "/api/segments/Y6nRLr?additional-fields[segment]=profile_count";
    let requests = (0..12).map(|n| {
        let request = client.get(format!("{url}{}", if n % 4 == 0 { counted } else { "/api/templates" }));
        request.header("authorization", format!("Klaviyo-API-Key {key}")).header("revision", "2026-07-15").send()
    });
    for response in futures::future::join_all(requests).await {
        let response = response?;
        println!("{}: {}", response.status(), response.url().path());
    }

    // What this process used is known to the others before it ends.
    limiter.flush().await?;
    Ok(())
}
