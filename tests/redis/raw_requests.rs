//! What clients in other languages may send by mistake: the script is run as `lua/README.md` says, without our codec, with
//! each value of a request spoiled in turn. Whatever comes, it is an answer, and a request that is refused changes nothing.

use std::{fs, path::Path};

use redis::{Script, aio::MultiplexedConnection};

use crate::support::{redis_url, unique};

const DONE: i64 = 0;
const REFUSED: i64 = 7;

/// One value as MessagePack.
#[derive(Clone)]
enum Item {
    Text(&'static str),
    Int(i64),
    Float(f64),
    /// Of one byte: nil, a switch, an empty list or map, or nothing that there is.
    Byte(u8),
}
use Item::{Byte, Float, Int, Text};

impl Item {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Text(text) => {
                out.push(0xd9);
                out.push(text.len().try_into().expect("a short text"));
                out.extend(text.bytes());
            }
            Int(n) => {
                out.push(0xd3);
                out.extend(n.to_be_bytes());
            }
            Float(n) => {
                out.push(0xcb);
                out.extend(n.to_be_bytes());
            }
            Byte(byte) => out.push(*byte),
        }
    }
}

/// A request with all that may stand in one: limits of all kinds, and a session that resumes.
fn sound() -> Vec<Item> {
    let texts = ["a.1", "host 1 0.1.0 -", "mark run", "wide", "pace", "day", "open", "429 said so"].map(Text);
    let [session, who, node, wide, pace, day, open, cause] = texts;
    let mut all = vec![Int(1), session, who, node, Int(4), wide, pace, day, open, Int(1), cause];
    let switches = [0, 0, 1];
    let edges = [0, 86_400_000_000, 5_000_000_000_000_000, 5_000_086_400_000_000];
    let terms = [&[1, 100, 1_000_000][..], &[2, 50, 1, 20_000], &[3, 1000, 86_400_000_000, 1000, 0], &edges, &[4, 10]];
    let numbers = [
        &[1, 0, 0, 5_000_000][..],
        &switches,
        &terms.concat(),
        &[2, 4, 1, 1, 2, 1, 3, 1, 4, 1, 1, 1, 5], // classes
        &[1, 2, 3, 0, 50_000, 0],                 // completes
        &[2, 1, 4, 0, 2, -1, 1000],               // adjusts
        &[4, 0, -1, 1000, 2000],                  // cools
        &[1, 1, 500, 90, -1],                     // seen
        &[2, 1, 1, 1, 1, 2, 2, 0, 2, 2, 1, 1, 1], // asks
        &[2, 1, 3, 4, 1],                         // flights
        &[1, 1, 2, 500, 1],                       // journal
    ];
    all.extend(numbers.concat().into_iter().map(Int));
    all
}

/// The script as one assembles it by hand: its files in the order that `src/store/redis/scripts.rs` lists them in.
fn script() -> Script {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = fs::read_to_string(folder.join("src/store/redis/scripts.rs")).expect("the list");
    let list = list.split("const INSPECT").next().expect("the part before the second script");
    let names = list.split('"').filter(|name| name.ends_with(".lua"));
    let texts = names.map(|name| fs::read_to_string(folder.join("lua").join(name)).expect("a part") + "\n");
    Script::new(&texts.collect::<String>())
}

/// A Redis to which requests are sent as they are, each to a budget that nobody used.
struct Raw {
    connection: MultiplexedConnection,
    script: Script,
    budgets: String,
    sent: usize,
}

impl Raw {
    async fn connect() -> Self {
        let client = redis::Client::open(redis_url()).unwrap();
        let connection = client.get_multiplexed_async_connection().await.unwrap();
        Self { connection, script: script(), budgets: unique("raw"), sent: 0 }
    }

    /// The status, and whether something was written.
    async fn send(&mut self, request: &[u8]) -> Result<(i64, bool), String> {
        self.sent += 1;
        let key = format!("pl:1:{{{}-{}}}", self.budgets, self.sent);
        let mut call = self.script.key(&key);
        call.key(format!("{key}:line")).arg(request).arg(1_000_000_000_000_000_u64);
        let answer: Vec<u8> = call.invoke_async(&mut self.connection).await.map_err(|error| error.to_string())?;
        let wrote = redis::cmd("EXISTS").arg(&key).query_async(&mut self.connection).await.unwrap();
        let mut answer = answer.as_slice();
        rmp::decode::read_array_len(&mut answer).map_err(|error| error.to_string())?;
        let status = rmp::decode::read_int(&mut answer).map_err(|error| error.to_string())?;
        Ok((status, wrote))
    }
}

fn bytes(items: &[Item]) -> Vec<u8> {
    let mut out = Vec::new();
    items.iter().for_each(|item| item.write(&mut out));
    out
}

#[tokio::test]
async fn a_value_that_is_no_whole_number_is_refused_wherever_it_stands() {
    let mut redis = Raw::connect().await;
    assert_eq!(redis.send(&bytes(&sound())).await, Ok((DONE, true)), "what is spoiled below is right in itself");

    let nonsense = [
        ("a fraction", Float(0.5)),
        ("no number", Float(f64::NAN)),
        ("infinity", Float(f64::INFINITY)),
        ("less than that", Float(f64::NEG_INFINITY)),
        ("a huge number", Int(i64::MAX)),
        ("a very negative number", Int(i64::MIN)),
        ("a text", Text("x")),
        ("nil", Byte(0xc0)),
        ("a switch", Byte(0xc3)),
        ("an empty list", Byte(0x90)),
        ("an empty map", Byte(0x80)),
        ("a byte that means nothing", Byte(0xc1)),
    ];
    let mut wrong = Vec::new();
    for (at, was) in sound().iter().enumerate() {
        for (what, item) in &nonsense {
            if matches!((was, item), (Text(_), Text(_))) {
                continue;
            }
            let mut spoiled = sound();
            spoiled[at] = item.clone();
            let answer = redis.send(&bytes(&spoiled)).await;
            if answer != Ok((REFUSED, false)) {
                wrong.push(format!("{what} in place {at}: {answer:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them, as in\n  {}", wrong.len(), wrong[..wrong.len().min(40)].join("\n  "));
}

#[tokio::test]
async fn a_request_of_another_length_is_refused() {
    let mut redis = Raw::connect().await;
    let (items, whole) = (sound(), bytes(&sound()));
    for length in 0..whole.len() {
        let answer = redis.send(&whole[..length]).await;
        assert_eq!(answer, Ok((REFUSED, false)), "cut after {length} of {} bytes", whole.len());
    }
    for extra in [Int(1), Text("x"), Byte(0xc3), Float(0.5)] {
        let answer = redis.send(&bytes(&[&items[..], &[extra]].concat())).await;
        assert_eq!(answer, Ok((REFUSED, false)), "one value too many");
    }
}

/// Counts that lie about what follows: whatever numbers are read for others then, it is an answer.
#[tokio::test]
async fn numbers_that_are_off_by_a_few_never_break_it() {
    let mut redis = Raw::connect().await;
    let mut wrong = Vec::new();
    for (at, was) in sound().iter().enumerate() {
        let Int(was) = was else { continue };
        for by in [-1000, -2, -1, 1, 2, 3, 1000] {
            let mut spoiled = sound();
            spoiled[at] = Int(was + by);
            match redis.send(&bytes(&spoiled)).await {
                Ok((DONE, true) | (REFUSED, false)) => {}
                // A window that is over, and numbers of exchanges that a new session cannot have had.
                Ok((1..REFUSED, false)) => {}
                answer => wrong.push(format!("{was}{by:+} in place {at}: {answer:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
