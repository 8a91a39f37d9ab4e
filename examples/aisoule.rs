//! AIsoule: messages go out at 10 a second and 100 a minute. One that is told 429 is the caller's to repeat.
//!
//! `AISOULE_URL=... AISOULE_KEY=... cargo run --example aisoule --features reqwest`. With `PACELINE_REDIS_URL`, every process
//! that is started so shares the budget; without it, this one has it alone.

use std::{env, error::Error};

use paceline::{Limiter, MemoryStore, Pacer, Preset, RedisStore, reqwest_client};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("AISOULE_URL").map_err(|_| "set AISOULE_URL to the address of the API")?;
    let key = env::var("AISOULE_KEY").map_err(|_| "set AISOULE_KEY to an API key")?;

    let preset = Preset::aisoule();
    let budget = preset.budget("aisoule", &[])?.build()?;
    let limiter = match env::var("PACELINE_REDIS_URL") {
        Ok(redis) => Limiter::new(RedisStore::connect(&redis).await?, budget),
        Err(_) => Limiter::new(MemoryStore::new(), budget),
    };
    let client = reqwest_client(Pacer::new(limiter.clone()).preset(preset))?;

    let mut open: Vec<u32> = (0..12).collect();
    while let Some(n) = open.pop() {
        let request = client.post(format!("{url}/api/messages")).header("x-api-key", &key);
        let body = format!(r#"{{"to": "+1555000{n:04}", "text": "hello"}}"#);
        let response = request.header("content-type", "application/json").body(body).send().await?;
        println!("{}: message {n}", response.status());
        if response.status() == 429 {
            // Nobody but you knows whether it may be sent twice. Its next turn comes when the provider is ready.
            open.push(n);
        }
    }

    // What this process used is known to the others before it ends.
    limiter.flush().await?;
    Ok(())
}
