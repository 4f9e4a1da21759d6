//! Loading and attaching, by the table.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use aya::{
    Ebpf, EbpfLoader,
    maps::{Map, RingBuf},
    programs::{
        CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, CgroupSock, CgroupSockAddr, Program, ProgramError,
        RawTracePoint, TracePoint, links::FdLink,
    },
};
use monitor_common::ABI;

use super::{
    error::ProbeError,
    mounts, offsets,
    ring::Ring,
    table::{Attachment, Hook, MAPS, PORTABLE, When},
    uplink::Uplink,
};

/// The built kernel programs, byte for byte what `cargo xtask ebpf` makes of `monitor-ebpf/`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../ebpf/interlock.bpf.o");

/// Where to attach and what outlives the daemon.
#[derive(Clone, Debug)]
pub struct Options {
    /// Root of the cgroup v2 tree.
    pub cgroup: PathBuf,
    /// Directory on bpffs; `None`: everything ends with the daemon.
    pub pins: Option<PathBuf>,
}

/// The loaded programs.
pub struct Probes {
    ebpf: Ebpf,
    cgroup: File,
    pins: Option<PathBuf>,
    /// Links without a pin: dropping one detaches it.
    links: Vec<(&'static str, FdLink)>,
    attached: Vec<Attachment>,
    flows: bool,
    pub lifecycle: Ring,
    pub access: Ring,
}

impl Probes {
    /// Loads everything and attaches what is always attached.
    ///
    /// # Errors
    /// Says which part of the kernel's help is missing and what to do.
    pub fn load(options: &Options) -> Result<(Self, Uplink), ProbeError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(ProbeError::NotPermitted);
        }
        mounts::ensure_tracefs()?;
        mounts::check_cgroup2(&options.cgroup)?;
        let cgroup = File::open(&options.cgroup)
            .map_err(|source| ProbeError::Cgroup { path: options.cgroup.clone(), source })?;
        let pins = options.pins.as_deref().map(pin_directory).transpose()?;
        let offsets = offsets::resolve(Path::new(offsets::VMLINUX))?;

        let mut loader = EbpfLoader::new();
        loader.override_global("OFFSETS", &offsets, true);
        if let Some(pins) = &pins {
            for map in MAPS {
                loader.map_pin_path(map, pins.join(map));
            }
        }
        let mut ebpf = loader.load(OBJECT).map_err(|error| refused(Box::new(error)))?;
        let lifecycle = take_ring(&mut ebpf, "LIFECYCLE")?;
        let access = take_ring(&mut ebpf, "ACCESS")?;
        let uplink = Uplink::take(&mut ebpf)?;
        let mut probes = Self {
            ebpf,
            cgroup,
            pins,
            links: Vec::new(),
            attached: Vec::new(),
            flows: false,
            lifecycle,
            access,
        };
        probes.load_programs()?;
        probes.attach_all(When::Always)?;
        Ok((probes, uplink))
    }

    /// Attaches the programs that only live sessions need, or detaches them. Does nothing where that is so already.
    ///
    /// # Errors
    /// A program cannot be attached: no flow can be held then.
    pub fn follow_flows(&mut self, follow: bool) -> Result<(), ProbeError> {
        if follow == self.flows {
            return Ok(());
        }
        if follow {
            self.attach_all(When::Sessions)?;
        } else {
            for attachment in PORTABLE.iter().filter(|attachment| attachment.when == When::Sessions) {
                self.detach(attachment);
            }
        }
        self.flows = follow;
        Ok(())
    }

    /// What is attached now.
    #[must_use]
    pub fn attached(&self) -> &[Attachment] {
        &self.attached
    }

    /// Removes every pin: with the daemon's end, all enforcement ends.
    pub fn release(&mut self) {
        if let Some(pins) = self.pins.take() {
            remove_pins(&pins);
        }
    }

    fn load_programs(&mut self) -> Result<(), ProbeError> {
        let mut loaded: Vec<&str> = Vec::new();
        for attachment in PORTABLE {
            if loaded.contains(&attachment.program) {
                continue;
            }
            loaded.push(attachment.program);
            let program = self.program(attachment.program)?;
            let result = match program {
                Program::RawTracePoint(program) => program.load(),
                Program::TracePoint(program) => program.load(),
                Program::CgroupSockAddr(program) => program.load(),
                Program::CgroupSock(program) => program.load(),
                Program::CgroupSkb(program) => program.load(),
                _ => return Err(ProbeError::Object { name: attachment.program }),
            };
            result.map_err(|source| program_refused(attachment.program, source))?;
        }
        Ok(())
    }

    fn attach_all(&mut self, when: When) -> Result<(), ProbeError> {
        for attachment in PORTABLE.iter().filter(|attachment| attachment.when == when) {
            match self.attach(attachment) {
                Ok(()) => self.attached.push(*attachment),
                Err(error) if attachment.optional => {
                    tracing::debug!(%error, "this kernel has no such hook");
                }
                Err(error) => return Err(error),
            }
        }
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
        let Some(pins) = &self.pins else {
            self.links.push((attachment.program, link));
            return Ok(());
        };
        let name = link_name(attachment);
        let (place, fresh) = (pins.join(&name), pins.join(format!("{name}_new")));
        let _ = fs::remove_file(&fresh); // left behind by a daemon that died between the two steps
        let failed = |reason: String| ProbeError::Pin { program: name.clone(), reason };
        link.pin(&fresh).map_err(|error| failed(error.to_string()))?;
        fs::rename(&fresh, &place).map_err(|error| failed(error.to_string()))?;
        Ok(())
    }

    fn detach(&mut self, attachment: &Attachment) {
        self.links.retain(|(program, _)| *program != attachment.program);
        self.attached.retain(|attached| attached.program != attachment.program);
        if let Some(pins) = &self.pins
            && let Err(error) = fs::remove_file(pins.join(link_name(attachment)))
        {
            tracing::warn!(program = attachment.program, %error, "the pinned link could not be removed");
        }
    }

    fn program(&mut self, name: &'static str) -> Result<&mut Program, ProbeError> {
        self.ebpf.program_mut(name).ok_or(ProbeError::Object { name })
    }
}

/// aya answers attaching with one error type and taking the link with another.
type Refused = Box<dyn std::error::Error + Send + Sync>;

fn link(program: &mut Program, attachment: &Attachment, cgroup: File) -> Result<FdLink, Refused> {
    // Links on a cgroup are always one of many; the kernel answers EINVAL to any other flag.
    let mode = CgroupAttachMode::Single;
    match attachment.hook {
        Hook::RawTracepoint(name) => {
            let program: &mut RawTracePoint = program.try_into()?;
            let id = program.attach(name)?;
            Ok(program.take_link(id)?.into())
        }
        Hook::Syscall(name) => {
            let program: &mut TracePoint = program.try_into()?;
            let id = program.attach("syscalls", name)?;
            Ok(program.take_link(id)?.try_into()?)
        }
        Hook::SocketAddress => {
            let program: &mut CgroupSockAddr = program.try_into()?;
            let id = program.attach(cgroup, mode)?;
            Ok(program.take_link(id)?.try_into()?)
        }
        Hook::SocketRelease => {
            let program: &mut CgroupSock = program.try_into()?;
            let id = program.attach(cgroup, mode)?;
            Ok(program.take_link(id)?.try_into()?)
        }
        Hook::Egress | Hook::Ingress => {
            let direction = if attachment.hook == Hook::Egress {
                CgroupSkbAttachType::Egress
            } else {
                CgroupSkbAttachType::Ingress
            };
            let program: &mut CgroupSkb = program.try_into()?;
            let id = program.attach(cgroup, direction, mode)?;
            Ok(program.take_link(id)?.try_into()?)
        }
    }
}

fn link_name(attachment: &Attachment) -> String {
    match attachment.hook {
        Hook::Syscall(name) => format!("link_{name}"),
        _ => format!("link_{}", attachment.program),
    }
}

/// `PINS/vABI`: pins of another ABI version are never touched by accident, and removed here.
fn pin_directory(pins: &Path) -> Result<PathBuf, ProbeError> {
    mounts::ensure_bpffs(pins)?;
    let current = pins.join(format!("v{ABI}"));
    let failed = |source| ProbeError::PinDirectory { path: current.clone(), source };
    fs::create_dir_all(&current).map_err(failed)?;
    for entry in fs::read_dir(pins).map_err(failed)?.flatten() {
        if entry.path() != current {
            remove_pins(&entry.path());
        }
    }
    Ok(current)
}

/// Removes what any daemon has pinned below `pins`, whatever its ABI version: all enforcement ends.
pub fn remove_all_pins(pins: &Path) {
    for entry in fs::read_dir(pins).into_iter().flatten().flatten() {
        remove_pins(&entry.path());
    }
    let _ = fs::remove_dir(pins); // not empty, or not there: said above
}

/// Removes a directory of pins, links first: no program runs over half a state.
pub fn remove_pins(pins: &Path) {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(pins).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort_by_key(|path| {
        !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("link_"))
    });
    for path in paths {
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "a pin could not be removed");
        }
    }
    let _ = fs::remove_dir(pins); // not empty: said above
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
