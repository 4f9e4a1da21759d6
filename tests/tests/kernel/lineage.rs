//! Whoever a labelled process makes is labelled, however it is made and whatever becomes of its maker.

use interlock_host::probes::Record;
use monitor_common::label::Session;

use super::{actor::Actor, bench::Bench};

/// Has the actor make one process by `act`; it must carry the label while it lives and lose it at its end.
fn inherits(act: &str) {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let child = actor.makes(act);
    assert!(bench.is_labelled(child), "{act}: {child} has no label");
    bench.expect(&format!("fork of {child}"), |record| match record {
        Record::Fork(fork) if fork.child == child => Some(()),
        _ => None,
    });
    actor.does("release()");
    bench.expect(&format!("exit of {child}"), |record| match record {
        Record::Exit(exit) if exit.header.tgid == child => Some(()),
        _ => None,
    });
    assert!(!bench.is_labelled(child), "{act}: the label of {child} outlived it");
    assert_eq!(bench.taint().lost, 0);
}

#[test]
fn through_fork() {
    inherits("fork()");
}

#[test]
fn through_vfork() {
    inherits("spawn_vfork()");
}

#[test]
fn through_clone3() {
    inherits("clone3()");
}

#[test]
fn through_clone_with_another_parent() {
    inherits("clone_parent()");
}

#[test]
fn from_a_thread() {
    inherits("fork_in_thread()");
}

#[test]
fn into_a_daemon() {
    inherits("daemonize()");
}

#[test]
fn past_a_dead_middle_parent() {
    inherits("orphan_of_an_orphan()");
}

#[test]
fn down_two_hundred_generations() {
    inherits("chain(200)");
}

#[test]
fn an_exec_by_a_thread_that_is_not_the_leader_keeps_the_label() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let child = actor.makes("exec_in_thread()");
    bench.expect("exec of /bin/sh", |record| match record {
        Record::Exec(exec) if exec.header.tgid == child && exec.filename.starts_with(b"/bin/sh\0") => {
            Some(())
        }
        _ => None,
    });
    assert!(bench.is_labelled(child));
}

#[test]
fn threads_are_no_processes() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let before = bench.maps.labels().len();
    actor.does(
        "barrier = threading.Barrier(9)
threads = [threading.Thread(target=lambda: (barrier.wait(), barrier.wait())) for _ in range(8)]
for thread in threads: thread.start()
barrier.wait()",
    );
    assert_eq!(bench.maps.labels().len(), before, "a living thread has an entry of its own");
    actor.does("barrier.wait()\nfor thread in threads: thread.join()");
    assert!(bench.is_labelled(actor.pid), "the end of a thread took the process's label");
    // The record of a later fork: had the threads been reported, that would stand before it.
    let child = actor.makes("fork()");
    bench.expect("fork", |record| matches!(record, Record::Fork(fork) if fork.child == child).then_some(()));
    let lives =
        bench.all(|record| matches!(record, Record::Fork(_) | Record::Exit(_)).then(|| record.header().tgid));
    assert_eq!(lives, [actor.pid], "only the fork");
}

#[test]
fn only_descendants_are_labelled_and_only_while_attached() {
    let mut actor = Actor::start();
    let before = actor.makes("fork()");
    let Some(mut bench) = Bench::load() else { return };
    let unlabelled = actor.makes("fork()");
    bench.label(actor.pid, Session::default());
    let during = actor.makes("fork()");
    let labelled = [before, unlabelled, during].map(|pid| bench.is_labelled(pid));
    assert_eq!(labelled, [false, false, true], "labels go to children born after the label");
    let maps = bench.detach();
    let after = actor.makes("fork()");
    assert_eq!(maps.label(after), None, "a label was inherited after the programs were detached");
}
