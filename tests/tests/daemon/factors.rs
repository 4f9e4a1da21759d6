//! Factors: what a decision takes beside being the right user. Codes are computed by Python, signatures made by OpenSSL: neither
//! knows anything of Interlock.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use interlock_tests::{
    agent::{Home, READ_SECRET, Running, curl},
    daemon::{Daemon, Settings, binary, text},
    factor::code,
    is_root,
    server::Server,
    wait,
};

const A_WHILE: Duration = Duration::from_millis(500);

/// A security key in software, by OpenSSH's PROTOCOL.u2f and PROTOCOL.sshsig: `DIR public`, or `DIR sign FLAGS COUNTER FILE`.
pub(super) const TOKEN: &str = "import base64, hashlib, os, struct, subprocess, sys
directory, verb = sys.argv[1:3]
key = directory + '/key.pem'
def openssl(*args): return subprocess.run(['openssl', *args], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
if not os.path.exists(key): openssl('genpkey', '-algorithm', 'ed25519', '-out', key)
def field(b): return struct.pack('>I', len(b)) + b
kind = b'sk-ssh-ed25519@openssh.com'
public = field(kind) + field(openssl('pkey', '-in', key, '-pubout', '-outform', 'DER')[-32:]) + field(b'ssh:')
if verb == 'public':
    print(kind.decode(), base64.b64encode(public).decode(), 'token')
else:
    flags, counter, name = int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    space, inner = b'decision@interlock', hashlib.sha512(open(name, 'rb').read()).digest()
    message = b'SSHSIG' + b''.join(map(field, [space, b'', b'sha512', inner]))
    tail = struct.pack('>BI', flags, counter)
    open(directory + '/signed', 'wb').write(hashlib.sha256(b'ssh:').digest() + tail + hashlib.sha256(message).digest())
    made = openssl('pkeyutl', '-sign', '-inkey', key, '-rawin', '-in', directory + '/signed')
    blob = b'SSHSIG' + struct.pack('>I', 1) + b''.join(map(field, [public, space, b'', b'sha512', field(kind) + field(made) + tail]))
    lines = base64.encodebytes(blob).decode()
    open(name + '.sig', 'w').write('-----BEGIN SSH SIGNATURE-----\\n' + lines + '-----END SSH SIGNATURE-----\\n')";

fn python(script: &str, args: &[&str]) -> String {
    let output = Command::new("python3").args(["-c", script]).args(args).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A daemon, and an agent whose request waits.
struct Desk {
    daemon: Daemon,
    home: Home,
    server: Server,
    agent: Running,
    hold: String,
}

impl Desk {
    fn new(settings: &Settings) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let (daemon, home, server) = (Daemon::start(settings), Home::new(), Server::start());
        let agent =
            home.run(&daemon, &format!("{READ_SECRET}; {}; echo over; sleep 60", curl(&server, "-m 60")));
        let hold = daemon.the_hold();
        Some(Self { daemon, home, server, agent, hold })
    }

    fn refuses(&self, args: &[&str], input: &str, why: &str) {
        let output = self.daemon.cli_as(0, args, input);
        let said = text(&output);
        assert!(output.status.code() == Some(4) && said.contains(why), "{args:?}: {output:?}");
        wait::throughout("held", A_WHILE, || self.server.silent());
    }

    /// Enrols a device whose clock is a step behind, so that two more codes are good afterwards; returns its secret.
    fn enrols(&self, uid: u32) -> String {
        let mut command = Command::new(binary());
        command.arg("--socket").arg(self.daemon.socket()).args(["factor", "add", "totp"]).uid(uid).gid(uid);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let secret = lines.next().unwrap().unwrap().strip_prefix("secret: ").unwrap().to_owned();
        let uri = lines.next().unwrap().unwrap();
        assert!(uri.starts_with("otpauth://totp/Interlock:") && uri.contains(&secret), "{uri}");
        child.stdin.take().unwrap().write_all(format!("{}\n", code(&secret, -1)).as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success() && text(&output).contains("your device is about 30 s behind"),
            "{output:?}"
        );
        secret
    }

    fn arrives(&self) {
        self.server.arrives(1);
    }

    fn factor_file(&self, uid: u32) -> PathBuf {
        self.daemon.dir().join(format!("state/factors/{uid}.json"))
    }
}

#[test]
fn who_has_enrolled_a_device_approves_by_its_code_once_and_denies_without() {
    let Some(mut desk) = Desk::new(&Settings { pinned: true, ..Settings::default() }) else { return };
    let secret = desk.enrols(0);
    let approve = ["approve", &desk.hold.clone(), "--code"];
    desk.refuses(&approve[..2], "", "has enrolled a factor, so it takes a code");
    desk.refuses(&approve, "000000\n", "the code is wrong");
    desk.refuses(&approve, &code(&secret, -1), "was used before");
    desk.refuses(&approve, &code(&secret, -5), "150 s old");
    // Another daemon finds what was used.
    let now = code(&secret, 0);
    let approved = desk.daemon.cli_as(0, &approve, &now);
    assert!(approved.status.success(), "{approved:?}");
    desk.arrives();
    let released = desk.daemon.the_event("flow-released");
    assert_eq!(released["interlock.decision.factor"], "totp", "{released}");
    let record = desk.daemon.records("approve").pop().unwrap();
    assert_eq!(record["who"]["caller"]["from"]["factor"], "totp", "{record}");
    assert_eq!(desk.daemon.records("factor").len(), 1);

    desk.daemon.stop();
    desk.daemon.start_again();
    let session = desk.daemon.json(&["ps"])[0]["id"].as_str().unwrap().to_owned();
    desk.daemon.expect(&["freeze", &session]); // takes no factor
    let thaw = ["thaw", &session, "--code"];
    let replayed = desk.daemon.cli_as(0, &thaw, &now);
    assert!(replayed.status.code() == Some(4) && text(&replayed).contains("used before"), "{replayed:?}");
    let thawed = desk.daemon.cli_as(0, &thaw, &code(&secret, 1));
    assert!(thawed.status.success(), "{thawed:?}");
    assert_eq!(desk.daemon.the_event("session-thawed")["interlock.decision.factor"], "totp");
    drop(desk.agent);
    drop(desk.home);
}

#[test]
fn a_denial_takes_no_factor() {
    let Some(desk) = Desk::new(&Settings::default()) else { return };
    let _ = desk.enrols(0);
    desk.daemon.expect(&["deny", &desk.hold]);
    wait::throughout("nothing arrives", A_WHILE, || desk.server.silent());
}

/// What decision 0012 left open: a helper outside of every session, of the same user, decides for the agent that asks it.
#[test]
fn an_unlabelled_helper_of_the_same_user_decides_until_a_factor_is_enrolled() {
    for enrolled in [false, true] {
        let Some(desk) = Desk::new(&Settings::default()) else { return };
        if enrolled {
            let _ = desk.enrols(0);
        }
        // Started beforehand and elsewhere, as `systemd-run --user` would have it started.
        let approve = format!(
            "while ! [ -e ~/go ]; do sleep 0.05; done; {} --socket {} approve {} </dev/null; echo ENDED $?",
            binary().display(),
            desk.daemon.socket().display(),
            desk.hold
        );
        let mut helper = desk.home.run_unwatched(&approve);
        // The agent's own word is all that it takes.
        let _asks = desk.home.run(&desk.daemon, "touch ~/go; sleep 60");
        let said = helper.finish();
        if enrolled {
            assert!(said.contains("ENDED 4") && said.contains("has enrolled a factor"), "{said}");
            wait::throughout("held", A_WHILE, || desk.server.silent());
            assert_eq!(desk.daemon.the_event("factor-refused")["interlock.factor.refused"], "missing");
        } else {
            assert!(said.contains("ENDED 0"), "{said}");
            desk.arrives();
        }
    }
}

#[test]
fn five_wrong_codes_lock_and_are_told() {
    let Some(desk) = Desk::new(&Settings::default()) else { return };
    let secret = desk.enrols(0);
    let approve = ["approve", &desk.hold.clone(), "--code"];
    for _ in 0..4 {
        desk.refuses(&approve, "000000\n", "the code is wrong");
    }
    desk.refuses(&approve, "000000\n", "no code is taken for 5 min");
    desk.refuses(&approve, &code(&secret, 0), "too many wrong codes");
    let locked = desk.daemon.the_event("factor-locked");
    assert_eq!((&locked["event.kind"], &locked["user.id"]), (&"alert".into(), &"0".into()), "{locked}");
    assert!(desk.daemon.records("factor").iter().any(|record| record["detail"]["change"] == "locked"));
    desk.daemon.expect(&["deny", &desk.hold]);
}

#[test]
fn factors_that_cannot_be_read_approve_nothing_and_denying_goes_on() {
    let Some(desk) = Desk::new(&Settings { more: "factor = \"by-rule\"\n".into(), ..Settings::default() })
    else {
        return;
    };
    let _ = desk.enrols(0);
    fs::write(desk.factor_file(0), "{").unwrap();
    desk.refuses(&["approve", &desk.hold], "", "the factors of user 0 cannot be used");
    let doctor = desk.daemon.json(&["doctor"]).to_string();
    assert!(doctor.contains("state/factors/0.json"), "{doctor}");
    desk.daemon.expect(&["deny", &desk.hold]);
}

#[test]
fn by_rule_a_factor_that_is_enrolled_is_not_asked_for() {
    let Some(desk) = Desk::new(&Settings { more: "factor = \"by-rule\"\n".into(), ..Settings::default() })
    else {
        return;
    };
    let _ = desk.enrols(0);
    desk.daemon.expect(&["approve", &desk.hold]);
    desk.arrives();
    assert_eq!(desk.daemon.the_event("flow-released")["interlock.decision.factor"], "none");
}

#[test]
fn a_session_neither_enrols_nor_removes_nor_sees_factors() {
    let Some(desk) = Desk::new(&Settings::default()) else { return };
    let secret = desk.enrols(0);
    fs::write(desk.home.path().join("secret"), code(&secret, 0)).unwrap();
    let interlock = format!("{} --socket {}", binary().display(), desk.daemon.socket().display());
    let script = format!(
        "for verb in 'add totp' 'remove f1 --code' list; do {interlock} factor $verb < ~/secret > ~/said 2>&1; \
         echo ENDED $? $(grep -c 'belongs to the agent session' ~/said); done; sleep 60"
    );
    let agent = desk.home.run(&desk.daemon, &script);
    wait::until("it was refused", || match agent.output().matches("ENDED 4 1").count() {
        3 => Ok(()),
        _ => Err(agent.output()),
    });
    assert_eq!(desk.daemon.json(&["factor", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_user_enrols_for_themselves_and_takes_away_by_a_factor_or_as_root() {
    let Some(desk) = Desk::new(&Settings::default()) else { return };
    let (ann, bob) = (4711, 4712);
    let secret = desk.enrols(ann);
    let file = fs::metadata(desk.factor_file(ann)).unwrap();
    {
        use std::os::unix::fs::MetadataExt as _;
        assert_eq!((file.mode() & 0o777, file.uid()), (0o600, 0));
    }
    let refused = |uid, args: &[&str], input: &str, why: &str| {
        let output = desk.daemon.cli_as(uid, args, input);
        assert!(output.status.code() == Some(4) && text(&output).contains(why), "{args:?}: {output:?}");
    };
    refused(ann, &["factor", "remove", "f1"], "", "has enrolled a factor");
    refused(bob, &["factor", "remove", "f1", "--user", "4711"], "", "only root");
    refused(bob, &["factor", "list", "--user", "4711"], "", "only root");
    let removed = desk.daemon.cli_as(ann, &["factor", "remove", "f1", "--code"], &code(&secret, 0));
    assert!(removed.status.success(), "{removed:?}");
    let _ = desk.enrols(ann);
    let removed = desk.daemon.cli_as(0, &["factor", "remove", "f2", "--user", "4711"], "");
    assert!(removed.status.success(), "{removed:?}");
    assert_eq!(desk.daemon.events("factor-removed").len(), 2);
}

/// A directory with a key, and what it signs.
pub(super) fn token(dir: &Path, args: &[&str]) -> String {
    python(TOKEN, &[&[dir.to_str().unwrap()], args].concat())
}

#[test]
fn a_touched_keys_signature_approves_what_it_signs_and_nothing_else() {
    let Some(desk) = Desk::new(&Settings::default()) else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("key.pub"), token(dir.path(), &["public"])).unwrap();
    let public = path("key.pub");
    let add = |more: &[&str]| desk.daemon.cli(&[&["factor", "add", "key", &public], more].concat());
    // Whoever has only seen it has no factor.
    assert!(!add(&[]).status.success());
    assert_eq!(desk.daemon.json(&["factor", "list"]), serde_json::json!([]));
    fs::write(path("enrol"), add(&["--statement"]).stdout).unwrap();
    token(dir.path(), &["sign", "1", "1", &path("enrol")]);
    let enrolled = add(&["--key-signature", &path("enrol.sig")]);
    assert!(enrolled.status.success(), "{enrolled:?}");
    let listed = desk.daemon.json(&["factor", "list"]);
    let factor = listed[0]["factor"].as_str().unwrap().to_owned();
    assert!(factor.starts_with("key SHA256:"), "{listed}");

    let approve = |more: &[&str]| {
        [&["approve", &desk.hold.clone()], more]
            .concat()
            .iter()
            .map(|arg| (*arg).to_owned())
            .collect::<Vec<_>>()
    };
    let run =
        |args: &[String]| desk.daemon.cli_as(0, &args.iter().map(String::as_str).collect::<Vec<_>>(), "");
    let refused = |args: &[String], why: &str| {
        let output = run(args);
        assert!(output.status.code() == Some(4) && text(&output).contains(why), "{args:?}: {output:?}");
        desk.server.silent().unwrap();
    };
    let statement = |args: &[String], file: &str| {
        let output = run(args);
        assert!(output.status.success(), "{output:?}");
        fs::write(path(file), &output.stdout).unwrap();
    };
    refused(&approve(&[]), "so it takes a signature");
    statement(&approve(&["--statement"]), "text");
    let said = fs::read_to_string(path("text")).unwrap();
    for part in
        ["verdict: approve\n", &format!("object: {}\n", desk.hold), "reach: once\n", "user: 0\n", "expires: "]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let carried = path("text.sig");
    let by_signature = approve(&["--signature", &carried]);
    token(dir.path(), &["sign", "0", "1", &path("text")]);
    refused(&by_signature, "nobody touched the key");
    token(dir.path(), &["sign", "1", "2", &path("text")]);
    // Neither for longer, nor for another verdict.
    refused(&approve(&["--for", "10m", "--signature", &carried]), "what was signed is not what is asked for");
    fs::write(path("text"), said.replace("verdict: approve", "verdict: thaw")).unwrap();
    refused(&by_signature, "not what is asked for");
    fs::write(path("text"), &said).unwrap();
    let approved = run(&by_signature);
    assert!(approved.status.success(), "{approved:?}");
    desk.arrives();
    assert_eq!(desk.daemon.the_event("flow-released")["interlock.decision.factor"], *factor);
    assert_eq!(desk.daemon.records("approve").pop().unwrap()["who"]["caller"]["from"]["factor"], *factor);

    let ordinary = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrb7tVDjRqEDsKA1XKmgMLHkfZA80fTLwtn58jl+E0l me";
    fs::write(path("ordinary.pub"), ordinary).unwrap();
    let output = desk.daemon.cli(&["factor", "add", "key", &path("ordinary.pub")]);
    assert!(output.status.code() == Some(2) && text(&output).contains("without a touch"), "{output:?}");
}

/// Versions of OpenSSH's `sk-api.h` that differ in nothing that the key in software has: 8.9, 9.0 and later.
const API: [&str; 2] = ["0x000a0000", "0x00090000"];

/// Makes a key in `dir` by the real `ssh-keygen` and a security key in software; `None` where this machine has not what that takes.
fn real_key(dir: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/daemon/factors/security_key.c");
    let (provider, key) = (dir.join("provider.so"), dir.join("key"));
    for api in API {
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", &format!("-DSK_VERSION={api}"), "-o"]).arg(&provider).arg(&source);
        let built = compiler.arg("-lcrypto").output();
        let Some(built) = built.ok().filter(|built| built.status.success()) else {
            eprintln!("skipped: no C compiler with OpenSSL's headers (gcc, libssl-dev)");
            return None;
        };
        assert!(built.stderr.is_empty(), "{}", text(&built));
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519-sk", "-N", "", "-w"]).arg(&provider).arg("-f").arg(&key);
        match keygen.output() {
            Ok(made) if made.status.success() => return Some(key),
            Ok(made) if text(&made).contains("unsupported version") => {}
            other => {
                eprintln!("skipped: no ssh-keygen that makes such keys (openssh-client): {other:?}");
                return None;
            }
        }
    }
    eprintln!("skipped: this ssh-keygen wants another version of sk-api.h");
    None
}

#[test]
fn the_real_ssh_keygen_signs_an_approval_and_shows_what() {
    let dir = tempfile::tempdir().unwrap();
    let Some(key) = real_key(dir.path()) else { return };
    let Some(desk) = Desk::new(&Settings::default()) else { return };
    let interlock = |args: &[&str]| {
        let mut interlock = Command::new(binary());
        interlock.arg("--socket").arg(desk.daemon.socket()).args(args);
        interlock
            .env("SSH_SK_PROVIDER", dir.path().join("provider.so"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let (private, public) = (key.display().to_string(), format!("{}.pub", key.display()));
    let enrolled = interlock(&["factor", "add", "key", &public]);
    let said = text(&enrolled);
    assert!(enrolled.status.success() && said.contains("verdict: factor-add"), "{said}");
    let approved = interlock(&["approve", &desk.hold, "--sign", &private, "--reason", "ticket OPS-7"]);
    let said = text(&approved);
    assert!(approved.status.success(), "{said}");
    for part in ["this is signed", "verdict: approve", "reason: ticket OPS-7", "Confirm user presence"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    desk.arrives();
    let factor = desk.daemon.the_event("flow-released")["interlock.decision.factor"].clone();
    assert!(factor.as_str().unwrap().starts_with("key SHA256:"), "{factor}");
}
