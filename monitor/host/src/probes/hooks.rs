//! Loading a program for its hook, and linking it there.

use std::fs::File;

use aya::{
    Btf,
    programs::{
        CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, CgroupSock, CgroupSockAddr, FEntry, FExit, Lsm,
        Program, ProgramError, RawTracePoint, TracePoint, links::FdLink,
    },
};

use super::table::{Attachment, Hook};

/// Loads a program for its hook; `None`: the object has it as another kind than the table.
pub fn load(program: &mut Program, hook: Hook, btf: &Btf) -> Option<Result<(), ProgramError>> {
    Some(match (program, hook) {
        (Program::RawTracePoint(program), _) => program.load(),
        (Program::TracePoint(program), _) => program.load(),
        (Program::CgroupSockAddr(program), _) => program.load(),
        (Program::CgroupSock(program), _) => program.load(),
        (Program::CgroupSkb(program), _) => program.load(),
        (Program::Lsm(program), Hook::Lsm(hook)) => program.load(hook, btf),
        (Program::FEntry(program), Hook::Entry(function)) => program.load(function, btf),
        (Program::FExit(program), Hook::Exit(function)) => program.load(function, btf),
        _ => return None,
    })
}

/// aya answers attaching with one error type and taking the link with another.
pub type Refused = Box<dyn std::error::Error + Send + Sync>;

pub fn link(program: &mut Program, attachment: &Attachment, cgroup: File) -> Result<FdLink, Refused> {
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
        Hook::SocketRelease | Hook::SocketCreate => {
            let program: &mut CgroupSock = program.try_into()?;
            let id = program.attach(cgroup, mode)?;
            Ok(program.take_link(id)?.try_into()?)
        }
        Hook::Lsm(_) => {
            let program: &mut Lsm = program.try_into()?;
            let id = program.attach()?;
            Ok(program.take_link(id)?.into())
        }
        Hook::Entry(_) => {
            let program: &mut FEntry = program.try_into()?;
            let id = program.attach()?;
            Ok(program.take_link(id)?.into())
        }
        Hook::Exit(_) => {
            let program: &mut FExit = program.try_into()?;
            let id = program.attach()?;
            Ok(program.take_link(id)?.into())
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

/// One program may be at several syscalls, so these links have the syscall's name.
pub fn link_name(attachment: &Attachment) -> String {
    match attachment.hook {
        Hook::Syscall(name) => format!("link_{name}"),
        _ => format!("link_{}", attachment.program),
    }
}
