use super::*;

fn queue() -> (tempfile::TempDir, Queue) {
    let dir = tempfile::tempdir().expect("a folder");
    let queue = Queue::open(dir.path()).expect("a queue");
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
        let added = queue.add(&UNITS, command, unit, None, 0);
        added.expect_err("refused").to_string()
    };
    assert!(refused("train narma10", None).contains("--unit"));
    assert!(refused("train narma10", Some("aa")).contains("did you mean a"));
    assert!(refused("train narma11", Some("a")).contains("narma11"));
    assert!(refused("proxy -c x", Some("a")).contains("train"));
    assert!(refused("train narma10 --config x", Some("a")).contains("--config"));
    assert!(refused(&"x".repeat(5000), Some("a")).contains("4096"));
    assert!(
        queue
            .add(&UNITS, "capture verify a.sqlite", None, None, 0)
            .is_ok()
    );
    assert!(queue.cancel(77).is_err());
}

#[test]
fn a_killed_daemon_s_job_waits_again_three_times_at_most() {
    let (dir, queue) = queue();
    let id = queue
        .add(&UNITS, "train narma10", Some("a"), None, 0)
        .expect("added");
    for attempt in 1..=MOST_ATTEMPTS {
        assert!(queue.begin(id).expect("written"));
        assert!(!queue.begin(id).expect("written"), "it runs already");
        // As if by another process, later.
        let queue = Queue::open(dir.path()).expect("the same");
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
        assert!(outcome.is_some_and(|why| why.contains("was ended")));
    }
}

#[test]
fn jobs_come_in_the_order_in_which_they_are_due_and_an_interrupted_one_costs_no_attempt() {
    let (_dir, queue) = queue();
    let add = |due| {
        queue
            .add(&UNITS, "train narma10", Some("b"), due, 5)
            .expect("added")
    };
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
        Queue::open(dir.path()),
        Err(QueueError::Foreign(_))
    ));
}
