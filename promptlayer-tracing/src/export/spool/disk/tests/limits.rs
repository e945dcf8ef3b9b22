//! Size and age limits.

use super::*;

/// Limits with space for eight segments of a few records each.
const NARROW: SpoolLimits =
    SpoolLimits { bytes: 2_000, segment_bytes: 250, max_age: SpoolLimits::DEFAULT_MAX_AGE };

#[test]
fn oldest_segments_are_evicted_and_counted() {
    let (_folder, path) = folder();
    let (mut spool, _) = open_with(&path, NARROW).unwrap();
    let mut kept = 0;
    for number in 0..500 {
        append(&mut spool, [number]);
        assert!(spool.bytes() <= NARROW.bytes);
        assert!(spool.segments.len() < 10);
        kept = spool.len();
    }
    let lost = spool.take_lost();
    assert_eq!(lost, Lost { evicted: spans(500 - kept), ..Lost::default() });
    assert!(kept > 40, "{kept}");
    assert_eq!(given(&mut spool), (500 - kept..500).collect::<Vec<_>>());
    assert_eq!(spool.take_lost(), Lost::default());
}

#[test]
fn eviction_counts_by_kind_without_done_records() {
    let (_folder, path) = folder();
    let limits = SpoolLimits { bytes: 1_000, ..NARROW };
    let (mut spool, _) = open_with(&path, limits).unwrap();
    let track = Record { kind: RecordKind::Track, ..record(0) };
    let ids = append(&mut spool, 0..2);
    spool.keep(&track).unwrap();
    spool.done(ids[0]).unwrap();
    let large = Record { body: vec![b'1'; 900].into(), ..record(0) };
    spool.keep(&large).unwrap();
    assert_eq!(spool.take_lost().evicted, Tally { spans: 1, tracks: 1 });
    assert_eq!(spool.len(), 1);
    assert_eq!(spool.next().unwrap().unwrap().1, large);
}

#[test]
fn record_in_use_during_eviction_is_not_lost() {
    let (_folder, path) = folder();
    let limits = SpoolLimits { bytes: 1_000, ..NARROW };
    let large = Record { body: vec![b'1'; 900].into(), ..record(0) };
    let (mut spool, _) = open_with(&path, limits).unwrap();
    append(&mut spool, 0..3);
    let (first, _) = spool.next().unwrap().unwrap();
    let (second, _) = spool.next().unwrap().unwrap();
    assert!(spool.is_open(second));
    let newest = spool.keep(&large).unwrap();
    assert_eq!(spool.take_lost().evicted, spans(1));
    assert_eq!(spool.len(), 3);
    assert!(spool.is_open(second) && !spool.put_back(second), "its file is gone");
    assert!(spool.is_open(newest));
    // A deleted file that is open still uses space on the disk.
    assert!(spool.reader.is_none());
    spool.done(first).unwrap();
    assert_eq!(files(&path, MARKS).len(), 0);
    spool.done(second).unwrap();
    assert_eq!((spool.take_lost(), spool.len()), (Lost::default(), 1));
    spool.done(second).unwrap();
    assert_eq!(spool.next().unwrap().unwrap(), (newest, large.clone()));
    spool.done(newest).unwrap();
    assert!(spool.is_empty());
}

#[test]
fn append_after_newest_segment_is_evicted_starts_another() {
    let (_folder, path) = folder();
    let limits = SpoolLimits { bytes: 1_000, ..NARROW };
    let large = Record { body: vec![b'1'; 900].into(), ..record(0) };
    let (mut spool, _) = open_with(&path, limits).unwrap();
    append(&mut spool, [0]);
    let (given_before, _) = spool.next().unwrap().unwrap();
    spool.keep(&large).unwrap();
    spool.keep(&large).unwrap();
    assert_eq!(spool.take_lost().evicted, spans(1));
    spool.done(given_before).unwrap();
    drop(spool);
    let (mut spool, recovered) = open_with(&path, limits).unwrap();
    assert_eq!(recovered.records, spans(1));
    assert_eq!(spool.next().unwrap().unwrap().1, large);
}

#[test]
fn byte_limit_holds_and_eviction_costs_at_most_an_eighth() {
    let (_folder, path) = folder();
    let limits = SpoolLimits { segment_bytes: u64::MAX, ..NARROW };
    let (mut spool, _) = open_with(&path, limits).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let mut fullest = 0;
    for _ in 0..2_000 {
        let before = spool.bytes();
        spool.keep(&Record { body: vec![b'1'; random.usize(1..60)].into(), ..record(0) }).unwrap();
        assert!(spool.bytes() <= limits.bytes);
        assert!(spool.bytes() + limits.bytes / 8 >= before);
        fullest = fullest.max(spool.bytes());
    }
    assert!(fullest > limits.bytes - 10, "{fullest}");
}

#[test]
fn oversized_record_is_rejected_and_evicts_nothing() {
    let (_folder, path) = folder();
    let (mut spool, _) = open_with(&path, NARROW).unwrap();
    append(&mut spool, 0..3);
    let fits = Record { body: vec![0; 2_000 - 20 - 24].into(), ..record(0) };
    let large = Record { body: vec![0; 2_000 - 20 - 24 + 1].into(), ..record(0) };
    let error = spool.keep(&large).unwrap_err();
    assert!(matches!(error, SpoolError::TooLarge { size: 2_001, limit: 2_000, .. }), "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert_eq!((spool.len(), spool.take_lost()), (3, Lost::default()));
    spool.keep(&fits).unwrap();
    assert_eq!((spool.len(), spool.bytes()), (1, 2_000));
    assert_eq!(spool.next().unwrap().unwrap().1, fits);
    let long_key = Record { key: "k".repeat(1 << 16).into(), ..record(0) };
    let (mut roomy, _) = open(&path);
    assert!(matches!(roomy.keep(&long_key), Err(SpoolError::TooLarge { .. })));
}

#[test]
fn adopted_records_are_evicted_too() {
    let (_folder, path) = folder();
    let (mut spool, _) = open_with(&path, SpoolLimits { segment_bytes: 100, ..ROOMY }).unwrap();
    append(&mut spool, 0..100);
    drop(spool);
    let (mut spool, recovered) = open_with(&path, NARROW).unwrap();
    assert_eq!(recovered.records, spans(100));
    append(&mut spool, [100]);
    assert!(spool.bytes() <= NARROW.bytes);
    let evicted = spool.take_lost().evicted.spans;
    assert!(evicted > 40, "{evicted}");
    assert_eq!(given(&mut spool), (evicted..101).collect::<Vec<_>>());
}

#[test]
fn expired_records_are_counted_and_not_returned() {
    let (_folder, path) = folder();
    let now = Instant::now();
    let (mut spool, _) = open(&path);
    spool.append(&record(0), now - 8 * DAY).unwrap();
    spool.append(&record(1), now - 6 * DAY).unwrap();
    spool.append(&Record { kind: RecordKind::Track, ..record(2) }, now - 8 * DAY).unwrap();
    // Several threads read the clock, so an instant may be later than the append.
    spool.append(&record(3), now + Duration::from_secs(60)).unwrap();
    assert_eq!(given(&mut spool), [1, 3]);
    let expired = Tally { spans: 1, tracks: 1 };
    assert_eq!(spool.take_lost(), Lost { expired, ..Lost::default() });
    assert_eq!(spool.len(), 2);
    drop(spool);
    let (mut spool, recovered) = open(&path);
    assert_eq!(recovered.records, spans(2));
    assert_eq!(given(&mut spool), [1, 3]);
    assert_eq!(spool.take_lost(), Lost::default());
}

#[test]
fn quarantined_files_expire_like_records() {
    let (_folder, path) = folder();
    let quarantine = path.join("set-aside");
    fs::create_dir_all(&quarantine).unwrap();
    for (name, days) in [("older", 8), ("newer", 6)] {
        let file = fs::File::create(quarantine.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60)).unwrap();
    }
    open(&path);
    assert!(!quarantine.join("older").exists());
    assert!(quarantine.join("newer").exists());
}

#[test]
fn quarantine_stays_within_the_byte_limit() {
    let (_folder, path) = folder();
    let quarantine = path.join("set-aside");
    fs::create_dir_all(&quarantine).unwrap();
    let now = SystemTime::now();
    for (name, age) in [("older", 3), ("newer", 2), ("newest", 1)] {
        let file = fs::File::create(quarantine.join(name)).unwrap();
        file.set_len(900).unwrap();
        file.set_modified(now - Duration::from_secs(age * 3_600)).unwrap();
    }
    open_with(&path, NARROW).unwrap();
    let mut left: Vec<_> = fs::read_dir(&quarantine)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["newer", "newest"]);
}
