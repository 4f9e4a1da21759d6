//! What a process runs: reported for labelled ones, offered for recognition for the others.

use interlock_core::strings;
use interlock_host::probes::Record;
use monitor_common::event::process::ARGS_MAX;

use super::{actor::Actor, bench::Bench};

#[test]
fn the_exec_of_a_labelled_process_says_program_and_arguments() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let child = actor.makes("os.posix_spawn('/bin/true', ['true', '--one', '', 'two words'], {})");
    let (filename, args, env) = bench.expect("exec of /bin/true", |record| match record {
        Record::Exec(exec) if exec.header.tgid == child => {
            Some((strings::text(&exec.filename), strings::strings(&exec.args, exec.args_len), exec.env_len))
        }
        _ => None,
    });
    assert_eq!(filename, "/bin/true");
    assert_eq!(args, ["true", "--one", "", "two words"]);
    assert_eq!(env, 0, "the environment of a labelled process is nobody's business");
}

#[test]
fn arguments_beyond_the_record_are_cut_and_said_to_be() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let child = actor.makes("os.posix_spawn('/bin/true', ['true', 'x' * 100_000], {})");
    let (length, size) = bench.expect("exec of /bin/true", |record| match record {
        Record::Exec(exec) if exec.header.tgid == child => Some((exec.args_len, exec.args_size)),
        _ => None,
    });
    assert_eq!(length as usize, ARGS_MAX);
    assert_eq!(size, 100_006, "`true`, its end, the argument, its end");
}

#[test]
fn a_failed_exec_is_no_exec() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    assert!(actor.tries("os.execv('/no/such/program', ['program'])").is_err());
    let child = actor.makes("os.posix_spawn('/bin/true', ['true'], {})");
    bench.expect("exec of /bin/true", |record| match record {
        Record::Exec(exec) if exec.header.tgid == child => Some(()),
        _ => None,
    });
    let all = bench.all(|record| matches!(record, Record::Exec(_)).then_some(record.header().tgid));
    assert_eq!(all, [child]);
}

#[test]
fn the_exec_of_an_unlabelled_process_offers_the_end_of_its_environment() {
    let Some(mut bench) = Bench::load() else { return };
    let mut actor = Actor::start();
    let child = actor.makes(
        "os.posix_spawn('/bin/true', ['true'], {'A_LONG_ONE': 'x' * 20_000, 'MARKER': 'interlock-kernel-test'})",
    );
    let environment = bench.expect_candidate(child);
    assert_eq!(environment.last().map(String::as_str), Some("MARKER=interlock-kernel-test"));
    assert!(!bench.is_labelled(child));
}
