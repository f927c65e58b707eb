//! The daemon: its loop by the library, with a clock, an alarm clock and jobs of the test's; then the real program, with
//! signals, pages, the service manager's socket and a dead man's switch.

use crate::night::{Night, On, UAI, Way, definitive, school};
use axum::{Router, extract::State, http::Uri, routing::any};
use chrono::Timelike;
use navette::{
    clock::Clock,
    daemon::{self, Calls, Outlets, Wired, signals::Signal},
    domain::{
        campaign::CampaignKey,
        time::{DAY_S, Date, MINUTE_S, Timestamp, Zone, next_day, parse_time_of_day, slot_instant},
    },
    nights::NightOutcome,
    run::{
        bell::Bell,
        context::{Context, Served},
        live::{Live, Pulse},
        metrics::{self, Process},
        outcome::Done,
        rounds::{self, Part},
    },
    sandbox::hold,
    status,
    store::nights::{self, NightRow},
    transport::ping::Pings,
};
use rstest::rstest;
use rustix::process::{Pid, Signal as Kill, kill_process};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// Nothing here takes so long, on a loaded machine either.
const PATIENCE: Duration = Duration::from_secs(180);

/// A daemon in this process: its alarm clock and its signals are the test's.
struct Loop {
    live: Live,
    alarm: mpsc::Sender<()>,
    signals: mpsc::Sender<Signal>,
    pulse: watch::Receiver<Pulse>,
    ended: JoinHandle<Result<(), daemon::AlarmGone>>,
    base: String,
}

async fn start<J, F>(ctx: Context, job: J) -> Loop
where
    J: Fn(Context, Served, Part, Timestamp) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Done> + Send + 'static,
{
    let live = Live::new(ctx);
    let (alarm, heard) = mpsc::channel(1);
    let (signals, called) = mpsc::channel(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let reload = |_| async { Err(vec!["navette.toml:1: a fault".to_owned()]) };
    let pages = (listener, status::router(&live, None));
    let wired = Wired { live: live.clone(), outlets: Outlets::default(), pages, reload, job };
    let ended = tokio::spawn(daemon::run(wired, Calls { alarm: heard, signals: called }));
    Loop { pulse: live.pulse(), live, alarm, signals, ended, base }
}

impl Loop {
    /// The alarm clock rings; answers when the loop has heard it as often as this, and `so` holds.
    async fn ring(&mut self, ticks: u64, so: impl Fn(&Pulse) -> bool) {
        self.alarm.send(()).await.unwrap();
        self.until(|pulse| ticks <= pulse.ticks && so(pulse)).await;
    }

    async fn until(&mut self, so: impl Fn(&Pulse) -> bool) {
        self.pulse.wait_for(|pulse| so(pulse)).await.unwrap();
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let answer = client.get(format!("{}{path}", self.base)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn stop(self) {
        self.signals.send(Signal::Stop).await.unwrap();
        self.ended.await.unwrap().unwrap();
    }
}

fn idle(pulse: &Pulse) -> bool {
    pulse.in_hand.is_empty()
}

/// The samples of a Prometheus text, by name with labels; each family is declared before its samples, and once.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut family = String::new();
    let mut seen = Vec::new();
    let mut found = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split_once(' ').unwrap().0.to_owned();
            assert!(!seen.contains(&family), "{family} twice");
            seen.push(family.clone());
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert_eq!(name.split('{').next().unwrap(), family, "{line}");
            assert!(found.insert(name.to_owned(), value.parse().unwrap()).is_none(), "{line} twice");
        }
    }
    found
}

fn of_school(name: &str) -> String {
    format!("{name}{{uai=\"{UAI}\",year=\"2026\"}}")
}

fn of_campaign(name: &str, key: CampaignKey) -> String {
    let (level, phase) = (key.level.code(), key.phase.code());
    format!("{name}{{uai=\"{UAI}\",year=\"2026\",level=\"{level}\",phase=\"{phase}\"}}")
}

/// The civil dates from today on at whose slot the offset differs from the day before's.
fn changes_of_time(zone: Zone, from: Date) -> Vec<Date> {
    let slot = parse_time_of_day("03:15").unwrap();
    let instant = |date| slot_instant(zone, date, slot).epoch_ms();
    let dates = std::iter::successors(Some(from), |date| Some(next_day(*date))).take(370);
    dates.filter(|date| instant(next_day(*date)) - instant(*date) != DAY_S * 1_000).map(next_day).collect()
}

/// Over both changes of time each night is run once, at 03:15 by the wall; after a week off the last one, and no other.
#[test]
fn nights_come_once_over_changes_of_time_and_after_a_week_off() {
    let night = Night::due(Way::Folders);
    let zone = school().uai.zone();
    let clock = Clock::player(Clock::Machine.now());
    let ctx = night.context(clock.clone());
    let store = ctx.store.clone();
    let slot = |date| slot_instant(zone, date, parse_time_of_day("03:15").unwrap());
    // Far enough away that the clock never goes back to before today.
    let soon = clock.now().date_in(zone).checked_add_days(chrono::Days::new(3)).unwrap();
    let changes = changes_of_time(zone, soon);
    assert_eq!(changes.len(), 2, "{changes:?}");
    let mut expected = Vec::new();
    night.wait(async {
        // Everything before is caught up, or lost: nights begin to be counted from the day before each change.
        let mut daemon = start(ctx, rounds::turn).await;
        daemon.until(|pulse| pulse.ticks == 1 && idle(pulse)).await;
        for change in &changes {
            let week_later = next_day(*change).checked_add_days(chrono::Days::new(7)).unwrap();
            let days = [change.pred_opt().unwrap(), *change, next_day(*change), week_later];
            for day in days {
                for minute in -20..=20 {
                    let now = slot(day).plus_s(minute * MINUTE_S);
                    // Whole minutes, as the alarm clock rings.
                    clock.set(now);
                    let ticks = daemon.pulse.borrow().ticks + 1;
                    daemon.ring(ticks, idle).await;
                }
                expected.push((day, 1, slot(day)));
            }
        }
        daemon.stop().await;
    });
    let rows: Vec<NightRow> =
        night.wait(async { nights::list(&mut store.read().await.unwrap(), school(), 100).await.unwrap() });
    for (date, attempts, at) in &expected {
        let row = rows.iter().find(|row| row.date == *date).unwrap_or_else(|| panic!("no night {date}"));
        assert_eq!((row.fact.attempts, row.fact.last_attempt_at), (*attempts, *at), "{date}");
        assert!(!row.caught_up, "{date}");
    }
    // Beside those: one caught up, and no more, at each return after days without a daemon.
    let beside = rows.iter().filter(|row| soon < row.date && !expected.iter().any(|(date, ..)| *date == row.date));
    assert_eq!(beside.map(|row| row.caught_up).collect::<Vec<_>>(), [!bool::default(); 4], "{rows:#?}");
}

/// Both far sides are away for three hours, in which a night is due: it is tried again after 5, 10, 20, 40, then every 60
/// minutes, and once they are back it goes well by itself.
#[test]
fn far_sides_that_were_away_for_three_hours_have_their_night_without_a_hand() {
    const AWAY_MINUTES: i64 = 180;
    const TRIED_AT_MINUTES: [i64; 7] = [0, 5, 15, 35, 75, 135, 195];
    // Orders and receipts take a tick or two over folders.
    const LAST_MINUTE: i64 = 205;
    let night = Night::due(Way::Folders);
    let began = Clock::Machine.now();
    let clock = Clock::player(began);
    let mut ctx = night.context(clock.clone());
    // Far from now, so that no second night becomes due meanwhile.
    let by_day = (8..20).contains(&began.civil_in(school().uai.zone()).hour());
    ctx.settings.slot = parse_time_of_day(if by_day { "03:15" } else { "15:15" }).unwrap();
    let store = ctx.store.clone();
    hold(&night.teleservice).faults.take_down(None);
    hold(&night.siecle).faults.take_down(None);
    night.turn(began);
    let mut tried: Vec<i64> = Vec::new();
    let row = night.wait(async {
        let mut daemon = start(ctx, rounds::turn).await;
        daemon.until(|pulse| pulse.ticks == 1 && idle(pulse)).await;
        let mut last = None;
        for minute in 0..=LAST_MINUTE {
            let now = began.plus_s(minute * MINUTE_S);
            clock.set(now);
            if minute == AWAY_MINUTES {
                hold(&night.teleservice).faults.bring_up(None);
                hold(&night.siecle).faults.bring_up(None);
            }
            night.turned(now).await;
            let ticks = daemon.pulse.borrow().ticks + 1;
            daemon.ring(ticks, idle).await;
            night.turned(now).await;
            let row = nights::list(&mut store.read().await.unwrap(), school(), 1).await.unwrap().remove(0);
            if last != Some(row.fact.last_attempt_at) {
                last = Some(row.fact.last_attempt_at);
                tried.push(row.fact.last_attempt_at.since_ms(began) / (MINUTE_S * 1_000));
            }
        }
        daemon.stop().await;
        nights::list(&mut store.read().await.unwrap(), school(), 1).await.unwrap().remove(0)
    });
    assert_eq!(tried, TRIED_AT_MINUTES);
    assert_eq!((row.fact.outcome, row.fact.attempts), (Some(NightOutcome::Ok), 7));
    let (end, calm) = (night.end(), crate::crash::calm(Way::Folders, On::Sqlite));
    assert_eq!((end.held, end.open, end.locked), (calm.held, calm.open, calm.locked));
    assert_eq!((end.anomalies, end.files), (calm.anomalies, calm.files));
}

/// A job that panics is counted, the school is not busy for ever, and the next alarm finds the loop well.
#[test]
fn a_panic_in_a_job_is_counted_and_ends_nothing() {
    let night = Night::due(Way::Http);
    let calls = Arc::new(AtomicU32::new(0));
    let job = {
        let calls = Arc::clone(&calls);
        move |_: Context, _: Served, _: Part, _: Timestamp| {
            let calls = Arc::clone(&calls);
            async move {
                assert!(0 < calls.fetch_add(1, Ordering::SeqCst), "the first job is at fault");
                Done { events: 1, ..Done::default() }
            }
        }
    };
    let ctx = night.context(Clock::Machine);
    night.wait(async {
        let mut daemon = start(ctx, job).await;
        daemon.until(|pulse| pulse.panics == 1 && idle(pulse)).await;
        daemon.ring(2, idle).await;
        let (code, text) = daemon.get("/metrics").await;
        let samples = samples(&text);
        assert_eq!((code, samples["navette_panics_total"], samples["navette_ticks_total"]), (200, 1.0, 2.0));
        assert_eq!(daemon.get("/healthz").await, (200, "ok\n".to_owned()));
        assert_eq!(daemon.get("/readyz").await, (200, "ok\n".to_owned()));
        assert_eq!(daemon.pulse.borrow().panics, 1);
        daemon.stop().await;
    });
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

/// While a night lasts no second one begins, and the guard's part goes on: a window past its closing is closed.
#[test]
fn a_long_night_has_its_school_alone_and_never_delays_a_closing() {
    let night = Night::due(Way::Http);
    let over = watch::Sender::new(bool::default());
    let guarded = watch::Sender::new(0);
    let parts = Arc::new(Mutex::new(Vec::new()));
    let job = {
        let (parts, over, guarded) = (Arc::clone(&parts), over.clone(), guarded.clone());
        move |ctx: Context, served: Served, part: Part, now: Timestamp| {
            parts.lock().unwrap().push(part);
            let (mut over, guarded) = (over.subscribe(), guarded.clone());
            async move {
                match part {
                    Part::Whole => {
                        over.wait_for(|over| *over).await.unwrap();
                        Done::default()
                    }
                    Part::Guard => {
                        let done = rounds::turn(ctx, served, part, now).await;
                        guarded.send_modify(|times| *times += 1);
                        done
                    }
                }
            }
        }
    };
    let open = || hold(&night.teleservice).is_open(school(), definitive().level, definitive().phase);
    let ctx = night.context(Clock::Machine);
    night.wait(async {
        let mut daemon = start(ctx, job).await;
        daemon.until(|pulse| pulse.ticks == 1).await;
        assert!(open(), "nobody has closed it yet");
        daemon.ring(2, |pulse| pulse.in_hand.contains_key(&school())).await;
        guarded.subscribe().wait_for(|times| *times == 1).await.unwrap();
        assert!(!open(), "the closing waited for the night");
        daemon.ring(3, |pulse| pulse.in_hand.contains_key(&school())).await;
        assert_eq!(parts.lock().unwrap().iter().filter(|part| **part == Part::Whole).count(), 1);
        assert_eq!(samples(&daemon.get("/metrics").await.1)["navette_schools_in_hand"], 1.0);
        over.send_replace(!bool::default());
        daemon.until(idle).await;
        daemon.stop().await;
    });
}

#[test]
fn a_faulty_configuration_leaves_the_old_one_and_is_counted() {
    let night = Night::due(Way::Http);
    let ctx = night.context(Clock::Machine);
    night.wait(async {
        let mut daemon = start(ctx, |_, _, _, _| async { Done::default() }).await;
        daemon.signals.send(Signal::Reload).await.unwrap();
        daemon.until(|pulse| pulse.reloads_refused == 1).await;
        assert_eq!(daemon.live.ctx().schools.keys().copied().collect::<Vec<_>>(), [school()]);
        daemon.stop().await;
    });
}

/// What the pages and the textfile say after a night, and that a textfile is replaced whole, for everybody to read.
#[test]
fn metrics_tell_the_night_and_the_textfile_is_replaced_whole() {
    let night = Night::due(Way::Http);
    let folder = night.folder.path().join("textfile");
    fs::create_dir(&folder).unwrap();
    configure(&night, "[health]\nmetrics_file = \"textfile\"\n");
    let before = Clock::Machine.now();
    night.run_on();
    let path = folder.join("navette.prom");
    let text = fs::read_to_string(&path).unwrap();
    let found = samples(&text);
    let success_at =
        Timestamp::from_epoch_ms((found[&of_school("navette_last_success_timestamp_seconds")] * 1e3) as i64);
    assert!(before <= success_at.plus_s(1) && success_at <= Clock::Machine.now(), "{text}");
    for (name, value) in [
        (of_school("navette_last_night_ok"), 1.0),
        (of_school("navette_feed_stopped"), 0.0),
        (format!("navette_held{{uai=\"{UAI}\",year=\"2026\",for=\"closing\"}}"), 1.0),
        (format!("navette_held{{uai=\"{UAI}\",year=\"2026\",for=\"approval\"}}"), 0.0),
        (of_school("navette_lots_in_doubt"), 0.0),
        (of_campaign("navette_window_open", definitive()), 0.0),
        (of_campaign("navette_at_risk", definitive()), 0.0),
        (of_campaign("navette_lots_total", definitive()), 3.0),
        (of_campaign("navette_demands_total", definitive()), 4.0),
    ] {
        assert_eq!(found.get(&name), Some(&value), "{name}: {text}");
    }
    assert!(found[&of_school("navette_events_read_total")] > 0.0, "{text}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
    // The daemon's text says the same, and its own pulse beside.
    let ctx = night.context(Clock::Machine);
    night.wait(async {
        let measured = metrics::measure(&ctx, Clock::Machine.now()).await.unwrap();
        let daemon = samples(&metrics::text(&measured, &Process::Daemon(Pulse::default()), Clock::Machine.now()));
        let same = |name: &&String| name.contains("uai=");
        assert!(found.keys().filter(same).all(|name| daemon.contains_key(name)));
    });
}

fn configure(night: &Night, more: &str) {
    let path = night.folder.path().join("navette.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}[status]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n{more}")).unwrap();
}

/// The real program, with the lines that it has logged.
struct Program {
    child: Child,
    lines: BufReader<ChildStderr>,
    log: Vec<serde_json::Value>,
}

impl Program {
    fn start(night: &Night, notify: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_navette"));
        command.env("NAVETTE_CONFIG", night.folder.path().join("navette.toml")).env_remove("NAVETTE_LOG");
        command.envs(notify.map(|path| ("NOTIFY_SOCKET", path)));
        let mut child = command.arg("daemon").stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        Self { child, lines, log: Vec::new() }
    }

    /// Reads on until a line says this.
    fn until(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(0 < self.lines.read_line(&mut line).unwrap(), "it ended without {words:?}: {:#?}", self.log);
            let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|fault| panic!("{fault}: {line}"));
            self.log.push(line.clone());
            let message = line["fields"]["message"].as_str().unwrap().to_owned();
            if message.contains(words) {
                return message;
            }
        }
    }

    fn signal(&self, signal: Kill) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Stops it; how long that took.
    fn stop(&mut self) -> Duration {
        let began = Instant::now();
        self.signal(Kill::TERM);
        self.until("The daemon ended");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        began.elapsed()
    }
}

/// Told to stop in the middle of a night, whose far sides are slow: it ends in time, and the next runs end it as a calm one.
#[rstest]
#[case::in_time(30)]
#[case::too_slow(8_000)]
fn told_to_stop_in_a_night_it_leaves_nothing_half_done(#[case] slow_ms: u64) {
    let calm = {
        let night = Night::due(Way::Http);
        night.run_on();
        night.end()
    };
    let night = Night::due(Way::Http);
    configure(&night, "");
    hold(&night.siecle).faults.slow_down(slow_ms, None);
    let mut program = Program::start(&night, None);
    program.until("The pages are served");
    let took = program.stop();
    assert!(took < Duration::from_secs(20), "{took:?}");
    hold(&night.siecle).faults.slow_down(0, None);
    night.integrity();
    night.run_on();
    assert_eq!(night.end(), calm);
}

#[test]
fn it_reloads_or_says_every_fault_and_tells_the_service_manager() {
    let night = Night::due(Way::Http);
    configure(&night, "");
    let socket = night.folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    let (heard, messages) = std::sync::mpsc::channel();
    // As a service manager does, all the time: a socket that nobody reads is full after ten messages.
    thread::spawn(move || {
        let mut bytes = [0; 1_024];
        while let Ok(length) = manager.recv(&mut bytes) {
            let _ = heard.send(String::from_utf8_lossy(&bytes[..length]).into_owned());
        }
    });
    let told = |word: &str| loop {
        let message = messages.recv_timeout(PATIENCE).unwrap();
        if message.lines().any(|line| line.starts_with(word)) {
            return message;
        }
    };
    let mut program = Program::start(&night, Some(socket.to_str().unwrap()));
    told("READY=1");
    let beat = told("WATCHDOG=1");
    assert!(beat.contains("STATUS=ticked at 2"), "{beat}");
    let path = night.folder.path().join("navette.toml");
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, good.clone() + "[night2]\n[guard]\nenforce = \"yes\"\n").unwrap();
    program.signal(Kill::HUP);
    program.until("refused and the old one stays; faults: 2");
    program.until("guard.enforce");
    told("RELOADING=1");
    told("READY=1");
    fs::write(&path, good.replace(&night.database, "sqlite:other.db")).unwrap();
    program.signal(Kill::HUP);
    program.until("store.database: is changed by a restart only");
    fs::write(&path, good).unwrap();
    program.signal(Kill::HUP);
    program.until("The new configuration is taken");
    program.stop();
    told("STOPPING=1");
    // Every line of a run carries its id, and every line of ours that of its kind.
    for line in &program.log {
        assert!(line["message_id"].is_string(), "{line}");
        let spans = line["spans"].as_array().into_iter().flatten();
        let of_school = spans.clone().any(|span| span["name"] == "school");
        assert!(!of_school || spans.clone().any(|span| span["run.id"].is_string()), "{line}");
    }
}

/// A dead man's switch that keeps the paths that it heard.
fn switch(night: &Night) -> (String, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = |State(heard): State<Arc<Mutex<Vec<String>>>>, uri: Uri| async move {
        heard.lock().unwrap().push(uri.path().to_owned());
    };
    let router = Router::new().fallback(any(keep)).with_state(Arc::clone(&heard));
    let base = night.wait(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/ping/abc", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        base
    });
    (base, heard)
}

/// What is deferred by the guard, or leaves anomalies to read, is heard as a success: else it would cry every council week.
#[rstest]
#[case(0, "/ping/abc")]
#[case(1, "/ping/abc/1")]
#[case(3, "/ping/abc")]
#[case(4, "/ping/abc")]
#[case(5, "/ping/abc/5")]
#[case(6, "/ping/abc/6")]
#[case(7, "/ping/abc/7")]
fn the_switch_is_told_how_a_night_ended(#[case] exit_code: u8, #[case] end: &str) {
    let night = Night::due(Way::Http);
    let (base, heard) = switch(&night);
    let ctx = night.context(Clock::Machine);
    let pings = Pings::new(base.parse().unwrap()).unwrap();
    night.wait(async {
        let bell = Bell::new(Some(&pings));
        bell.ring_if_due(&ctx, &ctx.schools[&school()]).await;
        bell.end(exit_code);
        bell.silence().await;
    });
    assert_eq!(*heard.lock().unwrap(), ["/ping/abc/start", end]);
}

#[test]
fn a_night_pings_its_start_and_its_end_and_a_dead_switch_changes_nothing() {
    let night = Night::due(Way::Http);
    let (base, heard) = switch(&night);
    configure(&night, &format!("[health]\nping_url = \"{base}\"\n"));
    let (status, text) = night.run(&["run"], None);
    assert_eq!(status.code(), Some(3), "{text}");
    assert_eq!(*heard.lock().unwrap(), ["/ping/abc/start", "/ping/abc"], "anomalies are a success");
    // No night is due any more: nothing is told.
    night.run(&["run"], None);
    assert_eq!(heard.lock().unwrap().len(), 2);

    let night = Night::due(Way::Http);
    let (base, heard) = switch(&night);
    configure(&night, &format!("[health]\nping_url = \"{base}\"\n"));
    hold(&night.teleservice).faults.fail_with(403, 1_000, None);
    let (status, text) = night.run(&["run"], None);
    assert_eq!(status.code(), Some(1), "{text}");
    assert_eq!(*heard.lock().unwrap(), ["/ping/abc/start", "/ping/abc/1"]);

    let night = Night::due(Way::Http);
    configure(&night, "[health]\nping_url = \"http://127.0.0.1:1/ping\"\n");
    let (status, text) = night.run(&["run"], None);
    assert_eq!(status.code(), Some(3), "{text}");
}
