//! `redis:7` in a container, for machines with Docker and without a `redis-server`.

use std::thread::{self, JoinHandle};

use testcontainers::{
    ContainerAsync, GenericImage, ImageExt,
    core::{IntoContainerPort, WaitFor, error::TestcontainersError},
    runners::AsyncRunner,
};
use tokio::{runtime::Runtime, sync::oneshot};

/// A shared server sits in a static, which is never dropped; so the server ends by itself, later than any test run.
const LIFETIME_SECONDS: &str = "1800";

/// A thread with a runtime of its own holds the container: tests start servers inside and outside of a runtime.
#[derive(Debug)]
pub struct Container {
    url: String,
    end: Option<oneshot::Sender<()>>,
    holder: Option<JoinHandle<()>>,
}

impl Container {
    pub fn start() -> Result<Self, String> {
        let (started, starting) = std::sync::mpsc::channel();
        let (end, ending) = oneshot::channel();
        let holder = thread::spawn(move || {
            Runtime::new().expect("a runtime for the container").block_on(async {
                match start().await {
                    Ok((container, url)) => {
                        let _ = started.send(Ok(url));
                        let _ = ending.await;
                        let _ = container.rm().await;
                    }
                    Err(error) => drop(started.send(Err(error.to_string()))),
                }
            });
        });
        let url = starting.recv().map_err(|_| "the thread that starts it ended".to_owned())??;
        Ok(Self { url, end: Some(end), holder: Some(holder) })
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(holder) = self.holder.take() {
            let _ = holder.join();
        }
    }
}

async fn start() -> Result<(ContainerAsync<GenericImage>, String), TestcontainersError> {
    let container = GenericImage::new("redis", "7")
        .with_exposed_port(6379.tcp())
        .with_wait_for(WaitFor::message_on_stdout("Ready to accept connections"))
        .with_cmd(["timeout", LIFETIME_SECONDS, "redis-server", "--save", "", "--appendonly", "no"])
        .with_host_config_modifier(|host| host.auto_remove = Some(true))
        .start()
        .await?;
    let url = format!("redis://{}:{}", container.get_host().await?, container.get_host_port_ipv4(6379).await?);
    Ok((container, url))
}
