//! Many at once: labelled writers open secret and ordinary files as fast as they can while a tree forks. Nothing stays
//! stuck, and every secret's open is judged or counted as lost.
//!
//! Five seconds, or `INTERLOCK_STORM_SECONDS`.

mod holds;

use std::{
    collections::BTreeMap,
    env, fs,
    time::{Duration, Instant},
};

use interlock_tests::{
    agent::{Home, Running},
    daemon::{Daemon, Settings},
    is_root, wait,
};
use serde_json::Value;

/// State letters of the processes in a script's group, from `/proc`, without those that ended.
fn states(group: &Running) -> Vec<char> {
    let stats = fs::read_dir("/proc").unwrap().flatten();
    let stats = stats.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let fields = stats.filter_map(|stat| stat.rsplit_once(") ").map(|(_, fields)| fields.to_owned()));
    let of_group = fields.filter(|fields| fields.split(' ').nth(2) == Some(&group.group().to_string()));
    of_group.filter_map(|fields| fields.chars().next()).filter(|state| !matches!(state, 'Z' | 'X')).collect()
}

fn none_is_stopped(group: &Running) -> Result<(), Vec<char>> {
    let states = states(group);
    if states.contains(&'T') { Err(states) } else { Ok(()) }
}

/// The daemon's metrics page: each series with its labels, and its value.
fn metrics(daemon: &Daemon) -> BTreeMap<String, u64> {
    let page = daemon.metrics();
    let series = page.lines().filter_map(|line| line.rsplit_once(' '));
    series.filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?))).collect()
}

/// What became of secrets' opens so far: judged, and lost by the kernel's count.
fn opens(daemon: &Daemon) -> (u64, u64) {
    let page = metrics(daemon);
    let of = |name: &str| page.get(name).copied().unwrap_or(0);
    (
        of("interlock_events_total{kind=\"open\"}"),
        of("interlock_events_lost_total{kind=\"open\",ring=\"access\"}"),
    )
}

/// Every other loss that was counted, by its series.
fn other_losses(daemon: &Daemon) -> BTreeMap<String, u64> {
    let losses = metrics(daemon).into_iter().filter(|(name, value)| {
        name.starts_with("interlock_events_lost_total")
            && !name.contains("kind=\"open\",ring=\"access\"")
            && *value > 0
    });
    losses.collect()
}

/// Writes to one of the fifos the storm waits at.
fn signal(home: &Home, fifo: &str) {
    fs::write(home.path().join("work").join(fifo), "go\n").unwrap();
}

/// A home with secrets that no default rule stops: the workspace's own, and a profile of grade C outside of it.
fn storm(home: &Home, daemon: &Daemon, seconds: u64) -> Running {
    fs::write(home.path().join("writers.py"), include_str!("storm/writers.py")).unwrap();
    fs::write(home.path().join("work/.env"), "T=1\n").unwrap();
    fs::create_dir_all(home.path().join("work/deep/er")).unwrap();
    fs::write(home.path().join("work/deep/er/.env"), "T=1\n").unwrap();
    fs::create_dir(home.path().join(".azure")).unwrap();
    fs::write(home.path().join(".azure/azureProfile.json"), "{}\n").unwrap();
    let files = ".env deep/er/.env ~/.azure/azureProfile.json -- readme ~/writers.py";
    let script = format!("mkfifo begin leave end; exec python3 ~/writers.py {seconds} {files}");
    home.run(daemon, &script)
}

/// The line of JSON that the storm tells at its end; asks the daemon for its status all the while, which answers each time
/// (the control server gives up after 30 s). Returns the longest wait too.
fn weather(daemon: &Daemon, agent: &Running, seconds: u64) -> (Value, Duration) {
    let (began, mut longest) = (Instant::now(), Duration::ZERO);
    loop {
        let asked = Instant::now();
        let _ = daemon.json(&["status"]);
        longest = longest.max(asked.elapsed());
        let output = agent.output();
        if let Some(told) = output.lines().find(|line| line.starts_with('{') && line.ends_with('}')) {
            return (serde_json::from_str(told).unwrap(), longest);
        }
        assert!(
            began.elapsed() < Duration::from_secs(seconds) + wait::timeout(),
            "the storm never ends: {output}"
        );
    }
}

#[test]
fn a_storm_of_opens_leaves_nothing_stuck_and_nothing_uncounted() {
    if !is_root() {
        return;
    }
    let seconds = env::var("INTERLOCK_STORM_SECONDS").map_or(5, |text| text.parse().expect("whole seconds"));
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let mut agent = storm(&home, &daemon, seconds);
    agent.says("ready");
    let before = opens(&daemon);
    signal(&home, "begin");
    let (told, longest) = weather(&daemon, &agent, seconds);
    let count = |name: &str| told[name].as_u64().unwrap();
    let (secret, ordinary) = (count("secret"), count("ordinary"));

    let since = || {
        let now = opens(&daemon);
        (now.0 - before.0, now.1 - before.1)
    };
    let (judged, lost) = wait::until("every secret's open is judged or counted as lost", || match since() {
        (judged, lost) if judged + lost >= secret => Ok((judged, lost)),
        (judged, lost) => Err((secret, judged, lost, other_losses(&daemon))),
    });
    let rate = (secret + ordinary) as f64 / told["seconds"].as_f64().unwrap();
    println!(
        "{rate:.0} opens/s; of {secret} secrets' {judged} judged, {lost} lost; {} forks; answers within {longest:?}; \
         other losses {:?}",
        count("forks"),
        other_losses(&daemon)
    );
    assert_eq!(judged + lost, secret, "counted twice");
    assert_eq!(none_is_stopped(&agent), Ok(()));
    assert_eq!(other_losses(&daemon), BTreeMap::new(), "lineage is complete");

    // Who was forked in the storm and lives is known, and nobody else; and so is who leaves.
    let known = || daemon.json(&["ps"])[0]["processes"].as_u64().unwrap();
    wait::until("the session has the processes that live", || match (known(), states(&agent).len() as u64) {
        (known, alive) if known == alive && alive == count("stayed") + 1 => Ok(()),
        different => Err(different),
    });
    signal(&home, "leave");
    agent.says("left");
    wait::until("only the root is left", || match known() {
        1 => Ok(()),
        more => Err(more),
    });
    signal(&home, "end");
    let _ = agent.finish();
    wait::until("the session is over", || match daemon.json(&["ps"]) {
        sessions if sessions.as_array().is_some_and(Vec::is_empty) => Ok(()),
        sessions => Err(sessions),
    });
}
