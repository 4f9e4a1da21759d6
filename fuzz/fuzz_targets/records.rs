#![no_main]

use interlock_core::strings::{strings, text};
use interlock_host::probes::{batch::Batch, decode::{Record, Undecodable}};

// What the kernel's rings hold, cut into records of any kind and length: each is decoded or counted, alone and between
// others, and the texts in it are read.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut batch = Batch::default();
    let (mut rest, mut pushed, mut seen) = (bytes, 0, 0);
    while let Some((head, tail)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*head)) % (tail.len() + 1);
        let (record, after) = tail.split_at(length);
        batch.push(record);
        (rest, pushed) = (after, pushed + 1);
        if head[1] & 0x80 != 0 {
            batch.take().into_iter().for_each(|record| read(record, bytes.len()));
            batch.compact();
            seen += 1;
        }
    }
    while let Some(record) = batch.take() {
        read(record, bytes.len());
        seen += 1;
    }
    assert_eq!(seen, pushed, "no record is swallowed, none appears twice");
});

fn read(record: Result<Record<'_>, Undecodable>, most: usize) {
    match record {
        Ok(record) => read_texts(&record),
        Err(refused) => assert!(refused.bytes <= most),
    }
}

fn read_texts(record: &Record<'_>) {
    let _ = record.header().at_ns;
    match record {
        Record::Exec(exec) => drop((text(&exec.filename), strings(&exec.args, exec.args_len))),
        Record::Candidate(candidate) => {
            let exec = &candidate.exec;
            drop((strings(&exec.args, exec.args_len), strings(&candidate.env, exec.env_len)));
        }
        Record::Probe(probe) => drop(text(&probe.path)),
        Record::ProcOpen(open) => drop(open.names.map(|name| text(&name))),
        Record::Tamper(attempt) => drop(text(&attempt.name)),
        Record::Delegate(delegate) => drop(text(&delegate.path)),
        _ => {}
    }
}
