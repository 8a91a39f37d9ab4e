//! Klinky: links are made once each, also where a request is told 429 and sent again.
//!
//! `KLINKY_KEY=... cargo run --example klinky --features reqwest`. With `PACELINE_REDIS_URL`, every process that is started so
//! shares the budget; without it, this one has it alone. `KLINKY_URL` sends it elsewhere.

use std::{env, error::Error};

use paceline::{Limiter, MemoryStore, Pacer, Preset, RedisStore, reqwest_client};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("KLINKY_URL").unwrap_or_else(|_| "https://klinky-api.fly.dev".into());
    let key = env::var("KLINKY_KEY").map_err(|_| "set KLINKY_KEY to an API key")?;

    let preset = Preset::klinky();
    let budget = preset.budget("klinky", &[])?.build()?;
    let limiter = match env::var("PACELINE_REDIS_URL") {
        Ok(redis) => Limiter::new(RedisStore::connect(&redis).await?, budget),
        Err(_) => Limiter::new(MemoryStore::new(), budget),
    };
    let client = reqwest_client(Pacer::new(limiter.clone()).preset(preset))?;

    for n in 0..5 {
        // With this header a POST may be sent again: the provider makes one link of both.
        let request =
            client.post(format!("{url}/api/v1/public/links")).header("idempotency-key", format!("autumn-{n}"));
        let body = format!(r#"{{"url": "https://example.com/autumn/{n}"}}"#);
        let response = request.bearer_auth(&key).header("content-type", "application/json").body(body).send().await?;
        println!("{}: {}", response.status(), response.text().await?);
    }

    // What this process used is known to the others before it ends.
    limiter.flush().await?;
    Ok(())
}
