use super::*;
use crate::cli::request::parse;
use thermine_lab::config::daemon::Daemon;

fn folders(queue: &Queue) -> Folders {
    let data = queue.path.parent().expect("a folder").to_path_buf();
    Daemon {
        data,
        ..Daemon::default()
    }
    .folders()
}

fn add(
    queue: &Queue,
    command: &str,
    unit: Option<&str>,
    due_ms: Option<u64>,
) -> Result<u64, QueueError> {
    let request = parse(command).map_err(|error| QueueError::Asked(error.to_string()))?;
    queue.add(&UNITS, &request, &folders(queue), unit, due_ms, 5)
}

fn queue() -> (tempfile::TempDir, Queue) {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = Queue::open(dir.path(), parse).expect("a queue");
    (dir, queue)
}

fn progress(queue: &Queue, id: u64) -> (Progress, u32, Option<String>) {
    let all = queue.list().expect("read");
    let entry = all.iter().find(|entry| entry.job.id == id).expect("there");
    (
        entry.job.progress,
        entry.attempts,
        entry.job.outcome.clone(),
    )
}

const UNITS: [&str; 2] = ["a", "b"];

#[test]
fn what_cannot_be_done_is_refused_with_a_reason() {
    let (_dir, queue) = queue();
    let refused = |command: &str, unit: Option<&str>| {
        let added = add(&queue, command, unit, None);
        added.expect_err("refused").to_string()
    };
    assert!(refused("train narma10", None).contains("--unit"));
    assert!(refused("train narma10", Some("aa")).contains("did you mean a"));
    assert!(refused("train narma11", Some("a")).contains("narma11"));
    assert!(refused("proxy -c x", Some("a")).contains("train"));
    assert!(refused("train narma10 --config x", Some("a")).contains("--config"));
    assert!(refused(&"x".repeat(5000), Some("a")).contains("4096"));
    assert!(refused("capture verify a.sqlite", None).contains("a.sqlite"));
    let captures = folders(&queue).captures;
    std::fs::create_dir_all(&captures).expect("made");
    std::fs::write(captures.join("a.sqlite"), "").expect("written");
    assert!(add(&queue, "capture verify a.sqlite", None, None).is_ok());
    assert!(queue.cancel(77).is_err());
}

#[test]
fn a_killed_daemon_s_job_waits_again_three_times_at_most() {
    let (dir, queue) = queue();
    let id = add(&queue, "train narma10", Some("a"), None).expect("added");
    for attempt in 1..=MOST_ATTEMPTS {
        assert!(queue.begin(id).expect("written"));
        assert!(!queue.begin(id).expect("written"), "it runs already");
        // As if by another process, later.
        let queue = Queue::open(dir.path(), parse).expect("the same");
        assert_eq!(queue.recover().expect("written"), 1);
        let (progress, attempts, outcome) = progress(&queue, id);
        assert_eq!(attempts, attempt);
        let last = attempt == MOST_ATTEMPTS;
        assert_eq!(
            progress,
            if last {
                Progress::Failed
            } else {
                Progress::Waiting
            }
        );
        assert!(outcome.is_some_and(|why| why.contains("died in")));
    }
}

#[test]
fn jobs_come_in_the_order_in_which_they_are_due_and_an_interrupted_one_costs_no_attempt() {
    let (_dir, queue) = queue();
    let add = |due| add(&queue, "train narma10", Some("b"), due).expect("added");
    let (late, early, now) = (add(Some(90)), add(Some(10)), add(None));
    let order = |queue: &Queue| -> Vec<u64> {
        queue
            .list()
            .expect("read")
            .iter()
            .map(|entry| entry.job.id)
            .collect()
    };
    assert_eq!(order(&queue), [now, early, late]);
    assert!(queue.begin(now).expect("written"));
    queue.end(now, End::Interrupted).expect("written");
    assert_eq!(progress(&queue, now).1, 0);
    assert!(queue.begin(now).expect("written"));
    queue
        .end(now, End::Done("runs/a".into(), Box::default()))
        .expect("written");
    assert_eq!(
        progress(&queue, now),
        (Progress::Done, 1, Some("runs/a".into()))
    );
    assert_eq!(order(&queue), [early, late, now]);
    assert_eq!(queue.cancel(early).expect("waiting"), "taken out");
    assert!(!queue.begin(early).expect("written"));
    assert!(queue.cancel(now).is_err());
}

#[test]
fn another_file_is_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let other = Connection::open(dir.path().join(FILE)).expect("a file");
    other
        .execute_batch("CREATE TABLE mine (a)")
        .expect("a table");
    assert!(matches!(
        Queue::open(dir.path(), parse),
        Err(QueueError::Foreign(_))
    ));
}

/// The table as version 1 had it.
const VERSION_1: &str = "CREATE TABLE job (\
    id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, unit TEXT NOT NULL, progress TEXT NOT NULL, \
    attempts INTEGER NOT NULL, cancelled INTEGER NOT NULL, added_ms INTEGER NOT NULL, due_ms INTEGER, \
    outcome TEXT, found TEXT) STRICT; \
    PRAGMA application_id = 1953000817; PRAGMA user_version = 1;";

#[test]
fn commands_of_an_older_version_are_read_once_as_requests() {
    let dir = tempfile::tempdir().expect("a folder");
    let other = Connection::open(dir.path().join(FILE)).expect("a file");
    assert_eq!(APPLICATION_ID, 1_953_000_817);
    other.execute_batch(VERSION_1).expect("a table");
    let row = |command: &str, progress: &str, due: i64, attempts: i64| {
        let sql = "INSERT INTO job VALUES (NULL, ?1, 'a', ?2, ?4, 0, 0, ?3, NULL, NULL)";
        other
            .execute(sql, params![command, progress, due, attempts])
            .expect("written");
    };
    row("train narma10 --seed 2", "waiting", 10, 0);
    row(
        "train narma10 --store postgres://u@h/d",
        "waiting",
        i64::MAX,
        0,
    );
    row(
        "train narma10 --washout 999999999999",
        "running",
        i64::MIN,
        1,
    );
    row("train narma10 --old-flag", "done", -1, -5);
    drop(other);
    for _ in 0..2 {
        let queue = Queue::open(dir.path(), parse).expect("a queue");
        let mut all = queue.list().expect("read");
        all.sort_by_key(|entry| entry.job.id);
        let request = |i: usize| all[i].request.as_deref().map(Request::words);
        assert_eq!(request(0), Ok("train narma10 --seed 2".into()));
        assert_eq!(all[1].job.progress, Progress::Failed);
        assert_eq!(all[1].job.due_ms, Some(LATEST_MS));
        // It is read, and refused by the check when it is taken out.
        let huge = all[2].request.as_ref().expect("a request");
        assert!(huge.check(&folders(&queue)).is_err());
        assert_eq!(
            (all[2].job.progress, all[2].job.due_ms),
            (Progress::Running, Some(0))
        );
        assert_eq!(all[3].job.progress, Progress::Done);
    }
}

#[test]
fn a_row_that_another_program_has_written_is_shown_and_never_panics() {
    let (_dir, queue) = queue();
    let id = add(&queue, "train narma10", Some("a"), None).expect("added");
    let set = |request: &str| {
        let sql = "UPDATE job SET request = ?1, command = char(27) || '[2J'";
        queue
            .with(|connection| connection.execute(sql, [request]).map(drop))
            .expect("written");
    };
    let long = format!("{{\"train\": {{\"task\": \"{}\"}}}}", "x".repeat(LONGEST));
    for request in [
        "",
        "{}",
        "[]",
        r#"{"train": {"store": "postgres://u@h/d"}}"#,
        &long,
    ] {
        set(request);
        let all = queue.list().expect("read");
        assert_eq!(all[0].job.id, id);
        assert!(all[0].request.is_err(), "{request}");
        assert!(!all[0].job.command.contains('\u{1b}'));
    }
}

#[test]
fn a_job_cannot_be_due_beyond_what_a_date_can_say() {
    let (_dir, queue) = queue();
    let due = |due| add(&queue, "train narma10", Some("a"), Some(due));
    for late in [LATEST_MS + 1, i64::MAX as u64, u64::MAX] {
        assert!(due(late).is_err(), "{late}");
    }
    for fine in [0, LATEST_MS] {
        due(fine).expect("added");
    }
}
