//! Loading and attaching, by the table.

use std::{
    collections::HashSet,
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use aya::{
    Btf, Ebpf, EbpfLoader,
    maps::{Map, RingBuf},
    programs::{Program, ProgramError, links::FdLink},
};
use aya_obj::btf::BtfKind;
use monitor_common::offsets::{ABSENT, Offsets};

use super::{
    ending::Ending,
    error::ProbeError,
    hooks::{link, link_name, load},
    inode,
    maps::Maps,
    memory,
    misses::Misses,
    mounts, namespace, offsets,
    pins::Pins,
    ring::Ring,
    selftest::first,
    table::{Attachment, Backend, BackendSpec, FEATURES, Feature, FeatureSpec, Hook, MAPS, When},
};

/// The built kernel programs, byte for byte what `cargo xtask ebpf` makes of `monitor-ebpf/`.
pub(super) static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../ebpf/interlock.bpf.o");

/// Where to attach and what outlives the daemon.
#[derive(Clone, Debug)]
pub struct Options {
    /// Root of the cgroup v2 tree.
    pub cgroup: PathBuf,
    /// Directory on bpffs; `None`: everything ends with the daemon.
    pub pins: Option<PathBuf>,
    /// Nothing is to be stopped, refused or held.
    pub observe: bool,
}

/// How a feature is served, and why not better.
#[derive(Clone, Debug)]
pub struct InForce {
    pub feature: Feature,
    pub when: When,
    /// `None`: this kernel can do nothing for it.
    pub spec: Option<&'static BackendSpec>,
    /// Better backends that this kernel refused, each with its reason.
    pub refused: Vec<(Backend, String)>,
    pub state: State,
}

/// Whether a feature's programs are attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Attached,
    /// No session lives that they would be for.
    Detached,
    /// They could not be attached when a session began; the next one tries again.
    Failed(String),
}

impl InForce {
    /// What is attached now.
    #[must_use]
    pub fn active(&self) -> Option<&'static BackendSpec> {
        self.spec.filter(|_| self.state == State::Attached)
    }
}

/// The loaded programs.
pub struct Probes {
    ebpf: Ebpf,
    /// The kernel's types, until everything is loaded: they are large.
    btf: Option<Btf>,
    cgroup: File,
    pins: Option<Pins>,
    observe: bool,
    loaded: HashSet<&'static str>,
    /// Links by their name: dropping one that has no pin detaches it.
    links: Vec<(String, FdLink)>,
    in_force: Vec<InForce>,
    /// Ends links, if that is under way.
    ending: Option<Ending>,
    pub lifecycle: Ring,
    pub access: Ring,
}

impl Probes {
    /// Loads and attaches everything: a kernel that refuses something must be known at the start, not at the first session.
    ///
    /// # Errors
    /// Says which part of the kernel's help is missing and what to do.
    pub fn load(options: &Options) -> Result<(Self, Maps), ProbeError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(ProbeError::NotPermitted);
        }
        namespace::check_pids()?;
        mounts::ensure_tracefs()?;
        mounts::check_cgroup2(&options.cgroup)?;
        let cgroup = File::open(&options.cgroup)
            .map_err(|source| ProbeError::Cgroup { path: options.cgroup.clone(), source })?;
        let pins = options.pins.as_deref().map(Pins::below).transpose()?;
        let offsets = offsets::resolve(Path::new(offsets::VMLINUX))?;
        let knows_subvolumes = offsets.btrfs_root_dev != ABSENT;
        if !knows_subvolumes {
            tracing::info!(
                "btrfs is not in this kernel yet: if it comes, its subvolumes are told apart after a restart"
            );
        }
        inode::know_subvolumes(knows_subvolumes);
        let btf = Btf::from_sys_fs().map_err(|source| ProbeError::KernelTypes(Box::new(source)))?;

        let mut ebpf = load_object(&offsets, pins.as_ref())?;
        let lifecycle = take_ring(&mut ebpf, "LIFECYCLE")?;
        let access = take_ring(&mut ebpf, "ACCESS")?;
        let mut maps = Maps::take(&mut ebpf)?;
        let mut probes = Self {
            ebpf,
            btf: Some(btf),
            cgroup,
            pins,
            observe: options.observe,
            loaded: HashSet::new(),
            links: Vec::new(),
            in_force: Vec::new(),
            ending: None,
            lifecycle,
            access,
        };
        for feature in FEATURES {
            let served = probes.serve(feature, &mut maps)?;
            probes.in_force.push(served);
        }
        if let Some(pins) = &probes.pins {
            pins.carry_over(&mut maps);
        }
        // Fails closed: a session that the kernel cannot note a meeting of counts as incomplete when it meets.
        if let Err(error) = maps.prepare_meetings() {
            tracing::warn!(%error, "whom sessions of before meet cannot be noted");
        }
        probes.btf = None;
        memory::give_back();
        Ok((probes, maps))
    }

    /// Ends what daemons of other versions left in force. Until then both enforce, so that nothing slips through between.
    pub fn replace_other_versions(&mut self) {
        if let Some(pins) = &mut self.pins {
            pins.remove_stale();
        }
    }

    /// Attaches the programs that only live sessions need, or detaches them. Does nothing where that is so already.
    ///
    /// # Errors
    /// The first that cannot be attached; the others are all the same.
    pub fn follow_sessions(&mut self, live: bool) -> Result<(), ProbeError> {
        let mut in_force = std::mem::take(&mut self.in_force);
        let sessions = in_force.iter_mut().filter(|served| served.when == When::Sessions);
        let result = if live { self.wake(sessions) } else { self.rest(sessions) };
        self.in_force = in_force;
        result
    }

    fn wake<'a>(&mut self, all: impl Iterator<Item = &'a mut InForce>) -> Result<(), ProbeError> {
        let mut result = Ok(());
        let asleep: Vec<_> = all.filter(|served| served.state != State::Attached).collect();
        if !asleep.is_empty() {
            // The kernel refuses a program at a hook where it still is (kernel/bpf/core.c:bpf_prog_array_copy, EEXIST).
            self.take_back();
        }
        for served in asleep {
            let Some(spec) = served.spec else { continue };
            served.state = match self.accept(spec) {
                Ok(()) => State::Attached,
                Err(error) => {
                    let why = reason(&error);
                    result = result.and(Err(error));
                    State::Failed(why)
                }
            };
        }
        result
    }

    fn rest<'a>(&mut self, all: impl Iterator<Item = &'a mut InForce>) -> Result<(), ProbeError> {
        let mut ended = Vec::new();
        for served in all.filter(|served| served.state == State::Attached) {
            let attachments = served.spec.iter().flat_map(|spec| spec.attachments);
            for attachment in attachments {
                ended.extend(self.unlink(attachment).into_iter().map(|link| (attachment, link)));
            }
            served.state = State::Detached;
        }
        if !ended.is_empty() {
            self.take_back();
            self.ending = Some(Ending::begin(ended));
        }
        Ok(())
    }

    /// Keeps the links that are about to be ended and are not yet.
    fn take_back(&mut self) {
        let left = self.ending.take().map(Ending::stop).unwrap_or_default();
        for (attachment, link) in left {
            if let Err(error) = self.keep(attachment, link) {
                tracing::warn!(%error, "a link that was at its end is not kept; it is made anew");
            }
        }
    }

    /// Time each program has run, where the kernel counts it (sysctl kernel.bpf_stats_enabled=1).
    #[must_use]
    pub fn run_times(&self) -> Vec<(&'static str, Duration)> {
        let time = |name: &&'static str| {
            let info = self.ebpf.program(name)?.info().ok()?;
            let time = info.run_time();
            (!time.is_zero()).then_some((*name, time))
        };
        self.loaded.iter().filter_map(time).collect()
    }

    /// How often each program was left out because it ran already.
    #[must_use]
    pub fn misses(&self) -> Misses {
        Misses::read(&self.ebpf, &self.loaded)
    }

    /// How each feature is served now.
    #[must_use]
    pub fn in_force(&self) -> &[InForce] {
        &self.in_force
    }

    /// Whether the program runs at one of its hooks now.
    pub(super) fn is_attached(&self, program: &str) -> bool {
        let attachments =
            FEATURES.iter().flat_map(|feature| feature.backends).flat_map(|spec| spec.attachments);
        attachments.filter(|attachment| attachment.program == program).any(|found| self.is_linked(found))
    }

    fn is_linked(&self, attachment: &Attachment) -> bool {
        let name = link_name(attachment);
        self.links.iter().any(|(known, _)| *known == name)
    }

    /// Tries the backends of a feature in their order.
    fn serve(&mut self, feature: &'static FeatureSpec, maps: &mut Maps) -> Result<InForce, ProbeError> {
        let FeatureSpec { feature, when, required, backends } = *feature;
        let served = |spec, refused| InForce { feature, when, spec, refused, state: State::Attached };
        let mut refused = Vec::new();
        let mut last = None;
        for spec in backends {
            match self.accept(spec).and_then(|()| self.prove(feature, spec, maps)) {
                Ok(()) => return Ok(served(Some(spec), refused)),
                Err(error) => {
                    refused.push((spec.backend, reason(&error)));
                    last = Some(error);
                }
            }
        }
        match last {
            Some(error) if required => Err(error),
            _ => Ok(served(None, refused)),
        }
    }

    /// What enforces must prove that it does. The open's proof stands for every LSM hook: either all of them run or none.
    fn prove(
        &mut self,
        feature: Feature,
        spec: &'static BackendSpec,
        maps: &mut Maps,
    ) -> Result<(), ProbeError> {
        if spec.backend != Backend::Lsm {
            return Ok(());
        }
        let proven = match feature {
            Feature::Open => first::denies_open(maps, self.observe),
            _ if self.lsm_proven() => Ok(()),
            _ => Err(ProbeError::NotInForce),
        };
        if proven.is_err() {
            spec.attachments.iter().for_each(|attachment| self.detach(attachment));
        }
        proven
    }

    fn lsm_proven(&self) -> bool {
        let lsm = |served: &InForce| served.spec.is_some_and(|spec| spec.backend == Backend::Lsm);
        self.in_force.iter().any(|served| served.feature == Feature::Open && lsm(served))
    }

    /// Attaches everything of a backend, or nothing.
    fn accept(&mut self, spec: &'static BackendSpec) -> Result<(), ProbeError> {
        for attachment in spec.attachments {
            if self.is_linked(attachment) {
                continue;
            }
            let attached = self.load_program(attachment).and_then(|()| self.attach(attachment));
            match attached {
                Ok(()) => {}
                Err(error) if attachment.optional => {
                    tracing::debug!(program = attachment.program, %error, "this kernel has no such hook");
                }
                Err(error) => {
                    spec.attachments.iter().for_each(|attachment| self.detach(attachment));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn load_program(&mut self, attachment: &Attachment) -> Result<(), ProbeError> {
        let name = attachment.program;
        let btf = self.btf.as_ref();
        // Before all else: one program serves the two names that a function has had.
        if let (Hook::Entry(function) | Hook::Exit(function), Some(btf)) = (attachment.hook, btf)
            && btf.id_by_type_name_kind(function, BtfKind::Func).is_err()
        {
            return Err(ProbeError::NoFunction { function });
        }
        if self.loaded.contains(name) {
            return Ok(());
        }
        let btf = btf.ok_or(ProbeError::Object { name })?;
        let program = self.ebpf.program_mut(name).ok_or(ProbeError::Object { name })?;
        let Some(result) = load(program, attachment.hook, btf) else {
            return Err(ProbeError::Object { name });
        };
        result.map_err(|source| match attachment.hook {
            // Another backend may do: the kernel's own words say why not this one.
            Hook::Lsm(_) | Hook::Entry(_) | Hook::Exit(_) => {
                ProbeError::Program { program: name, source: Box::new(source) }
            }
            _ => program_refused(name, source),
        })?;
        self.loaded.insert(name);
        Ok(())
    }

    fn attach(&mut self, attachment: &Attachment) -> Result<(), ProbeError> {
        let cgroup = self
            .cgroup
            .try_clone()
            .map_err(|source| ProbeError::Cgroup { path: "the cgroup's descriptor".into(), source })?;
        let program = self.program(attachment.program)?;
        let link = link(program, attachment, cgroup).map_err(|source| ProbeError::Attach {
            program: attachment.program,
            hook: format!("{:?}", attachment.hook),
            source,
        })?;
        self.keep(attachment, link)
    }

    /// Pins the link under its hook's name; a link of an earlier daemon at that place is replaced by `rename(2)`, so
    /// that there is no moment without either.
    fn keep(&mut self, attachment: &Attachment, link: FdLink) -> Result<(), ProbeError> {
        let name = link_name(attachment);
        let Some(pins) = &self.pins else {
            self.links.push((name, link));
            return Ok(());
        };
        let (place, fresh) = (pins.current.join(&name), pins.current.join(format!("{name}_new")));
        let _ = fs::remove_file(&fresh); // left behind by a daemon that died between the two steps
        let failed = |reason: String| ProbeError::Pin { program: name.clone(), reason };
        let pinned = link.pin(&fresh).map_err(|error| failed(error.to_string()))?;
        fs::rename(&fresh, &place).map_err(|error| failed(error.to_string()))?;
        // Held here too: whoever removes the pins, or unmounts their file system, ends nothing while the daemon lives.
        self.links.push((name, pinned.into()));
        Ok(())
    }

    fn detach(&mut self, attachment: &Attachment) {
        drop(self.unlink(attachment));
    }

    /// Takes the links of an attachment, without their pin: they end when they are dropped.
    fn unlink(&mut self, attachment: &Attachment) -> Vec<FdLink> {
        let name = link_name(attachment);
        let links = self.links.extract_if(.., |(known, _)| *known == name).map(|(_, link)| link).collect();
        let Some(pins) = &self.pins else { return links };
        match fs::remove_file(pins.current.join(&name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(link = name, %error, "the pinned link could not be removed");
            }
            _ => {}
        }
        links
    }

    fn program(&mut self, name: &'static str) -> Result<&mut Program, ProbeError> {
        self.ebpf.program_mut(name).ok_or(ProbeError::Object { name })
    }
}

/// Loads the object over the pinned maps of its version.
fn load_object(offsets: &Offsets, pins: Option<&Pins>) -> Result<Ebpf, ProbeError> {
    let mut loader = EbpfLoader::new();
    loader.override_global("OFFSETS", offsets, true);
    if let Some(pins) = pins {
        pins.remove_what_does_not_fit(OBJECT)?;
        for map in MAPS {
            loader.map_pin_path(map, pins.current.join(map));
        }
    }
    loader.load(OBJECT).map_err(|error| refused(Box::new(error)))
}

/// The whole chain of an error in one line, without a verifier's log.
fn reason(error: &ProbeError) -> String {
    if let ProbeError::Program { source, .. } = error
        && let ProgramError::LoadError { io_error, verifier_log } = source.as_ref()
        && verifier_log.to_string().trim().is_empty()
    {
        return io_error.to_string(); // refused before the program was even looked at
    }
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        let message = source.to_string();
        tracing::debug!("{message}");
        // A verifier's log has its point at the end.
        let line = message.lines().rev().find(|line| is_a_reason(line)).unwrap_or_default();
        if !text.contains(line) {
            text.push_str(": ");
            text.push_str(line);
        }
        next = source.source();
    }
    text
}

/// Not the verifier's statistics.
fn is_a_reason(line: &str) -> bool {
    let statistics = ["processed ", "verification time", "stack depth"];
    !line.trim().is_empty() && !statistics.iter().any(|word| line.starts_with(word))
}

fn take_ring(ebpf: &mut Ebpf, name: &'static str) -> Result<Ring, ProbeError> {
    let map: Map = ebpf.take_map(name).ok_or(ProbeError::Object { name })?;
    let ring = RingBuf::try_from(map).map_err(|source| ProbeError::Map { name, source: Box::new(source) })?;
    Ok(Ring::new(ring))
}

fn refused(error: Box<aya::EbpfError>) -> ProbeError {
    if is_permission(error.as_ref()) { ProbeError::NotPermitted } else { ProbeError::Load(error) }
}

fn program_refused(program: &'static str, source: ProgramError) -> ProbeError {
    // A verifier log means that the program is at fault, whatever the error number says.
    let silent = matches!(&source, ProgramError::LoadError { verifier_log, .. } if verifier_log.to_string().is_empty());
    if silent && is_permission(&source) {
        ProbeError::NotPermitted
    } else {
        ProbeError::Program { program, source: Box::new(source) }
    }
}

fn is_permission(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::PermissionDenied)
        {
            return true;
        }
        next = error.source();
    }
    false
}
