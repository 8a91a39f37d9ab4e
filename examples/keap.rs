//! Keap: 12 pages of contacts, at 5 a second together with everybody else who uses the key.
//!
//! `KEAP_KEY=... cargo run --example keap --features reqwest`. With `PACELINE_REDIS_URL`, every process that is started so
//! shares the budget; without it, this one has it alone. `KEAP_URL` sends it elsewhere.

use std::{env, error::Error};

use paceline::{Limiter, MemoryStore, Pacer, Preset, RedisStore, reqwest_client};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("KEAP_URL").unwrap_or_else(|_| "https://api.infusionsoft.com".into());
    let key = env::var("KEAP_KEY").map_err(|_| "set KEAP_KEY to a service account key")?;

    let preset = Preset::keap();
    let budget = preset.budget("keap", &[])?.build()?;
    let limiter = match env::var("PACELINE_REDIS_URL") {
        Ok(redis) => Limiter::new(RedisStore::connect(&redis).await?, budget),
        Err(_) => Limiter::new(MemoryStore::new(), budget),
    };
    let client = reqwest_client(Pacer::new(limiter.clone()).preset(preset))?;

    // All at once, and each goes out in its turn.
    let pages = (0..12).map(|page| {
        let contacts = format!("{url}/crm/rest/v1/contacts?limit=50&offset={}", page * 50);
        client.get(contacts).bearer_auth(&key).send()
    });
    for page in futures::future::join_all(pages).await {
        let page = page?;
        println!("{}: {} bytes", page.status(), page.text().await?.len());
    }

    // What this process used is known to the others before it ends.
    limiter.flush().await?;
    Ok(())
}
