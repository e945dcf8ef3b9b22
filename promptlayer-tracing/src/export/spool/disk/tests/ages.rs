//! Ages of records while clocks are wrong, and after they are corrected.

use super::*;

/// A plausible time: 2026-06-01.
const TODAY: Duration = Duration::from_secs(1_780_272_000);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The two clocks of a machine.
#[derive(Clone)]
struct Clocks(Arc<Mutex<(SystemTime, Instant)>>);

impl Clocks {
    /// Returns the clocks of a machine that starts with this wall-clock time since 1970.
    fn showing(wall: Duration) -> Self {
        Self(Arc::new(Mutex::new((UNIX_EPOCH + wall, Instant::now()))))
    }

    fn pass(&self, time: Duration) {
        let mut clocks = self.0.lock().unwrap();
        clocks.0 += time;
        clocks.1 += time;
    }

    /// Sets the wall clock.
    fn set(&self, wall: Duration) {
        self.0.lock().unwrap().0 = UNIX_EPOCH + wall;
    }

    fn open(&self, path: &Path) -> Spool {
        Spool::open_by(path, DESTINATION, &[], ROOMY, Clock::Set(Arc::clone(&self.0))).unwrap().0
    }

    fn append(&self, spool: &mut Spool, number: u64) {
        let now = self.0.lock().unwrap().1;
        spool.append(&record(number), now).unwrap();
    }
}

/// Returns the numbers and the ages in hours of all records.
fn ages(spool: &mut Spool) -> Vec<(u64, u64)> {
    let mut ages = Vec::new();
    while let Some(given) = spool.next_backlog(false).unwrap().or_else(|| spool.next_new(false).unwrap()) {
        ages.push((number(&given.record), given.age.as_secs() / 3_600));
    }
    ages
}

/// Wall-clock times that cannot be right: before 2024, or in the future.
const WRONG: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_secs(30),
    // 2001-09-09, the 32-bit limit (2038), the year 2106, the year 3000.
    Duration::from_secs(1_000_000_000),
    Duration::from_secs(i32::MAX as u64),
    Duration::from_secs(u32::MAX as u64),
    Duration::from_secs(32_503_680_000),
];

#[test]
fn wall_clock_that_is_set_changes_no_age_of_this_run() {
    for wrong in WRONG {
        for [first, then] in [[wrong, TODAY], [TODAY, wrong]] {
            let (_folder, path) = folder();
            let clocks = Clocks::showing(first);
            let mut spool = clocks.open(&path);
            clocks.append(&mut spool, 0);
            clocks.pass(2 * HOUR);
            clocks.set(then);
            clocks.append(&mut spool, 1);
            clocks.pass(HOUR);
            assert_eq!(ages(&mut spool), [(0, 3), (1, 1)], "from {first:?} to {then:?}");
            assert_eq!(spool.take_lost(), Lost::default());
        }
    }
}

#[test]
fn record_of_this_run_expires_by_the_monotonic_clock() {
    let (_folder, path) = folder();
    let clocks = Clocks::showing(TODAY);
    let mut spool = clocks.open(&path);
    clocks.append(&mut spool, 0);
    clocks.pass(2 * DAY);
    clocks.append(&mut spool, 1);
    clocks.set(Duration::ZERO);
    clocks.pass(5 * DAY + HOUR);
    assert_eq!(ages(&mut spool), [(1, 5 * 24 + 1)]);
    assert_eq!(spool.take_lost(), Lost { expired: spans(1), ..Lost::default() });
}

#[test]
fn adopted_record_is_as_old_as_two_right_clocks_say() {
    let (_folder, path) = folder();
    let clocks = Clocks::showing(TODAY);
    let mut spool = clocks.open(&path);
    clocks.append(&mut spool, 0);
    clocks.pass(3 * HOUR);
    clocks.append(&mut spool, 1);
    drop(spool);
    let clocks = Clocks::showing(TODAY + DAY);
    let mut spool = clocks.open(&path);
    clocks.pass(HOUR);
    assert_eq!(ages(&mut spool), [(0, 25), (1, 22)]);
    drop(spool);
    let mut spool = Clocks::showing(TODAY + 7 * DAY + HOUR).open(&path);
    assert_eq!(ages(&mut spool), [(1, 7 * 24 - 2)]);
    assert_eq!(spool.take_lost().expired, spans(1));
}

#[test]
fn clock_that_was_wrong_at_the_write_expires_nothing() {
    for wrong in WRONG {
        let (_folder, path) = folder();
        let clocks = Clocks::showing(wrong);
        let mut spool = clocks.open(&path);
        clocks.append(&mut spool, 0);
        clocks.pass(3 * HOUR);
        clocks.append(&mut spool, 1);
        drop(spool);
        // It is only known that the first record is three hours older.
        assert_eq!(ages(&mut Clocks::showing(TODAY).open(&path)), [(0, 3), (1, 0)], "{wrong:?}");
    }
}

#[test]
fn clock_that_is_wrong_at_the_adoption_expires_nothing() {
    for wrong in WRONG {
        let (_folder, path) = folder();
        let clocks = Clocks::showing(TODAY);
        let mut spool = clocks.open(&path);
        clocks.append(&mut spool, 0);
        clocks.pass(3 * HOUR);
        clocks.append(&mut spool, 1);
        drop(spool);
        let clocks = Clocks::showing(wrong);
        assert_eq!(ages(&mut clocks.open(&path)), [(0, 3), (1, 0)], "{wrong:?}");
        // Once the clock is right, the real age counts.
        assert_eq!(ages(&mut Clocks::showing(TODAY + DAY).open(&path)), [(0, 24), (1, 21)], "{wrong:?}");
    }
}

#[test]
fn record_of_unknown_age_lives_for_one_more_max_age() {
    for wrong in WRONG {
        let (_folder, path) = folder();
        let clocks = Clocks::showing(wrong);
        clocks.append(&mut clocks.open(&path), 0);
        // Each run adopts the record again. Between these runs, one has a wrong clock.
        for (day, age) in [(0, 0), (3, 72), (6, 144)] {
            let mut spool = Clocks::showing(TODAY + day * DAY).open(&path);
            assert_eq!(ages(&mut spool), [(0, age)], "{wrong:?}");
            drop(spool);
            Clocks::showing(Duration::ZERO).open(&path);
        }
        let mut spool = Clocks::showing(TODAY + 8 * DAY).open(&path);
        assert_eq!(ages(&mut spool), [], "{wrong:?}");
        assert_eq!(spool.take_lost().expired, spans(1));
    }
}

#[test]
fn clock_that_was_set_back_a_little_expires_nothing() {
    let (_folder, path) = folder();
    let clocks = Clocks::showing(TODAY);
    clocks.append(&mut clocks.open(&path), 0);
    assert_eq!(ages(&mut Clocks::showing(TODAY.saturating_sub(HOUR)).open(&path)), [(0, 0)]);
    assert_eq!(ages(&mut Clocks::showing(TODAY + HOUR).open(&path)), [(0, 2)]);
}

#[test]
fn wrong_clock_removes_no_quarantined_file() {
    let (_folder, path) = folder();
    let quarantine = path.join("set-aside/file");
    fs::create_dir_all(quarantine.parent().unwrap()).unwrap();
    let modified = fs::File::create(&quarantine).unwrap();
    modified.set_modified(UNIX_EPOCH + TODAY).unwrap();
    for wrong in WRONG {
        Clocks::showing(wrong).open(&path);
        assert!(quarantine.exists(), "{wrong:?}");
    }
    Clocks::showing(TODAY + 8 * DAY).open(&path);
    assert!(!quarantine.exists());
}
