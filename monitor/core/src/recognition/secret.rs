//! The secret that a file is to who reads it.

use std::path::Path;

use super::{grounds::Grounds, program::own_program};
use crate::{
    catalog::{
        Catalog,
        agents::UNKNOWN,
        secrets::{Moved, Program, UNRESOLVED},
    },
    facts::{Grade, Habit, Process, SecretAccess},
};

/// How a file is known to be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// Its name looked like one; the path decides. With the kernel's guess at the entry.
    Name { hint: u32 },
    /// The inode is that of the entry, whatever the path says.
    Inode { entry: u32 },
    /// Too long to be looked at: counts as a secret, and says so.
    Unresolved { hint: u32 },
}

/// Who opened a file.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    pub grounds: Grounds<'a>,
    /// Where the session's variables moved stores.
    pub moved: &'a Moved,
    /// The session's root process: the agent itself.
    pub is_root: bool,
    /// The directory of the interpreter's environment that its script lies in, where that is one, outside of the workspace.
    pub environment: Option<&'a str>,
    /// Path of the program with links resolved; `None` where the process is not known.
    pub executable: Option<&'a str>,
    /// From the program's name on.
    pub args: &'a [String],
    /// Who started the program, the nearest first, as far as they are known.
    pub ancestors: &'a [&'a Process],
}

/// The secret that a file is; `None` where its name only looked like one. `outside`: not in the session's workspace.
#[must_use]
pub fn secret(
    catalog: &Catalog,
    reader: Reader<'_>,
    path: String,
    known: KnownBy,
    outside: bool,
) -> Option<SecretAccess> {
    let secrets = &catalog.secrets;
    let (number, (entry, class, grade)) = match known {
        KnownBy::Unresolved { hint } => (hint, (UNRESOLVED, UNKNOWN, Grade::B)),
        KnownBy::Inode { entry } => {
            let judged = secrets.tagged(entry)?;
            (entry, (judged.id, judged.class, judged.grade))
        }
        KnownBy::Name { hint } => {
            let usual = secrets.judge(&path, reader.grounds.home, hint);
            let judged = usual.or_else(|| secrets.judge_moved(&path, reader.moved))?;
            (judged.entry, (judged.id, judged.class, judged.grade))
        }
    };
    let (entry, class) = (entry.to_owned(), class.to_owned());
    let owner = reader.reads_its_own(catalog, number, &path);
    let outside = outside && !secrets.is_of_the_job(&path, reader.grounds.workspace);
    let loaded = matches!(known, KnownBy::Name { .. }) && reader.loads_for_a_person(catalog, number, &path);
    let program = reader.program().filter(|_| !owner);
    let habit = program.and_then(|program| habit(catalog, number, program, &path));
    Some(SecretAccess {
        path,
        entry,
        class,
        grade,
        foreign: outside && !owner && !loaded,
        owner,
        copy: false,
        habit,
    })
}

/// What a program's read of the store at `path` counts for where it is a habit of its library.
pub fn habit(catalog: &Catalog, entry: u32, program: Program<'_>, path: &str) -> Option<Habit> {
    let found = catalog.secrets.habitual(entry, program, path)?;
    Some(Habit { providers: catalog.destinations.meant_by(found.is_for), elsewhere: found.elsewhere })
}

impl<'a> Reader<'a> {
    fn program(&self) -> Option<Program<'a>> {
        let Self { args, grounds: Grounds { home, workspace, .. }, .. } = *self;
        self.executable.map(|executable| Program { executable, args, home, workspace })
    }

    /// The reader is one of the store's owner tools, or the agent itself reads its own store.
    fn reads_its_own(&self, catalog: &Catalog, entry: u32, path: &str) -> bool {
        if self.is_root && catalog.agents.reads_for_itself(self.grounds.agent, path, self.grounds.home) {
            return true;
        }
        let of_agent = |agent| catalog.agents.reads_for_itself(agent, path, self.grounds.home);
        if self.agent_of_program(catalog).is_some_and(of_agent) {
            return true;
        }
        let is_owner = |executable| {
            let Self { args, grounds, environment, .. } = *self;
            catalog.secrets.is_owner_beside(entry, executable, args, grounds.home, environment)
        };
        self.executable.is_some_and(is_owner)
            && !catalog.secrets.is_handed(entry, path, self.args, self.grounds.home)
    }

    /// The reader is a tool that loads settings for what it starts, and finds them on its way up from the workspace to the
    /// home: a person has set it up so.
    fn loads_for_a_person(&self, catalog: &Catalog, entry: u32, path: &str) -> bool {
        let on_the_way = Path::new(path).parent().zip(self.grounds.workspace).zip(self.grounds.home);
        let on_the_way = on_the_way.is_some_and(|((directory, workspace), home)| {
            let home = Path::new(home);
            workspace.starts_with(directory) && directory.starts_with(home) && directory != home
        });
        let loads = |executable| {
            catalog.secrets.loads(entry, path, (executable, self.args), self.ancestors, self.grounds.home)
        };
        on_the_way && self.executable.is_some_and(loads)
    }
    /// The agent whose program reads: what it relaunched, its native half, its daemon; an agent that another one started.
    fn agent_of_program<'c>(&self, catalog: &'c Catalog) -> Option<&'c str> {
        own_program(catalog, self.executable?, self.args, self.grounds)
    }
}
