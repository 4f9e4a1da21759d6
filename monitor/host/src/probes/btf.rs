//! A reader of the kernel's BTF, for one question: at which byte of which structure does a field stand?
//!
//! Format: Documentation/bpf/btf.rst. Only structures and unions keep their members; everything else is skipped by
//! size. aya's own BTF type keeps members private, and btf-rs is LGPL.

use std::collections::HashMap;

use zerocopy::{FromBytes, Immutable, KnownLayout};

const MAGIC: u16 = 0xeb9f;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;

#[repr(C)]
#[derive(FromBytes, Immutable, KnownLayout)]
struct Header {
    magic: u16,
    version: u8,
    flags: u8,
    hdr_len: u32,
    type_off: u32,
    type_len: u32,
    str_off: u32,
    str_len: u32,
}

#[repr(C)]
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
struct Type {
    name_off: u32,
    info: u32,
    size_or_type: u32,
}

#[repr(C)]
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
struct Member {
    name_off: u32,
    type_id: u32,
    offset: u32,
}

/// Structures of the kernel's BTF, and of modules' that build on it.
pub struct Btf<'a> {
    /// The kernel's strings, then the last module's: its offsets go on where the kernel's end.
    strings: [&'a [u8]; 2],
    /// Types of the kernel: a module's numbers go on where these end.
    base: u32,
    /// Type id → (name, members); structures and unions only.
    structures: HashMap<u32, (&'a [u8], Vec<Member>, bool)>,
    /// Named structures. The first of a name wins; the kernel's own come first.
    names: HashMap<&'a [u8], u32>,
}

impl<'a> Btf<'a> {
    /// # Errors
    /// Says what is wrong with the blob.
    pub fn parse(blob: &'a [u8]) -> Result<Self, &'static str> {
        let (types, strings) = sections(blob)?;
        let empty = &[][..];
        let mut btf =
            Self { strings: [strings, empty], base: 0, structures: HashMap::new(), names: HashMap::new() };
        btf.base = btf.read_types(types, 0)?;
        Ok(btf)
    }

    /// Adds the types of one module (`/sys/kernel/btf/NAME`), which are written as a continuation of the kernel's.
    ///
    /// # Errors
    /// Says what is wrong with the blob.
    pub fn extend(&mut self, module: &'a [u8]) -> Result<(), &'static str> {
        let (types, strings) = sections(module)?;
        self.strings[1] = strings;
        self.read_types(types, self.base).map(|_| ())
    }

    /// Reads types that are numbered after `id`; returns the last number.
    fn read_types(&mut self, mut rest: &'a [u8], mut id: u32) -> Result<u32, &'static str> {
        while !rest.is_empty() {
            id += 1;
            let (head, tail) = Type::read_from_prefix(rest).map_err(|_| "a type is cut short")?;
            let (kind, count) = ((head.info >> 24) & 0x1f, (head.info & 0xffff) as usize);
            let size = trailing_bytes(kind, count).ok_or("a type of an unknown kind")?;
            let trailing = tail.get(..size).ok_or("a type's members are cut short")?;
            if kind == KIND_STRUCT || kind == KIND_UNION {
                let members = trailing
                    .chunks_exact(size_of::<Member>())
                    .filter_map(|chunk| Member::read_from_bytes(chunk).ok())
                    .collect();
                let name = self.name(head.name_off);
                self.structures.insert(id, (name, members, head.info >> 31 == 1));
                if !name.is_empty() {
                    self.names.entry(name).or_insert(id);
                }
            }
            rest = tail.get(size..).unwrap_or_default();
        }
        Ok(id)
    }

    fn name(&self, offset: u32) -> &'a [u8] {
        let [kernel, module] = self.strings;
        let offset = offset as usize;
        let text = kernel.get(offset..).filter(|text| !text.is_empty());
        let text = text.or_else(|| module.get(offset.checked_sub(kernel.len())?..)).unwrap_or_default();
        text.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// Byte offset of `member` in `structure`, looking into anonymous structures and unions.
    #[must_use]
    pub fn offset(&self, structure: &str, member: &str) -> Option<u32> {
        let id = self.names.get(structure.as_bytes())?;
        self.find(*id, member.as_bytes(), 8).and_then(|bits| bits.is_multiple_of(8).then_some(bits / 8))
    }

    fn find(&self, id: u32, wanted: &[u8], depth: u8) -> Option<u32> {
        let (_, members, has_bitfields) = self.structures.get(&id)?;
        for member in members {
            let bits = if *has_bitfields { member.offset & 0x00ff_ffff } else { member.offset };
            let name = self.name(member.name_off);
            if name == wanted {
                return Some(bits);
            }
            if name.is_empty()
                && depth > 0
                && let Some(inner) = self.find(member.type_id, wanted, depth - 1)
            {
                return Some(bits + inner);
            }
        }
        None
    }
}

/// Types and strings of a blob.
fn sections(blob: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let (header, _) = Header::read_from_prefix(blob).map_err(|_| "shorter than its header")?;
    if header.magic != MAGIC {
        return Err("not BTF of this machine's byte order");
    }
    let section = |offset: u32, length: u32| {
        let start = (header.hdr_len as usize).checked_add(offset as usize)?;
        blob.get(start..start.checked_add(length as usize)?)
    };
    let types = section(header.type_off, header.type_len).ok_or("types beyond its end")?;
    let strings = section(header.str_off, header.str_len).ok_or("strings beyond its end")?;
    Ok((types, strings))
}

/// Bytes that follow a type's three words (include/uapi/linux/btf.h).
fn trailing_bytes(kind: u32, count: usize) -> Option<usize> {
    Some(match kind {
        2 | 7..=12 | 16 | 18 => 0, // pointer, forward, typedef, qualifiers, function, float, type tag
        1 | 14 | 17 => 4,          // integer, variable, declaration tag
        3 => 12,                   // array
        KIND_STRUCT | KIND_UNION | 15 | 19 => count * 12, // also data section and 64-bit enumeration
        6 | 13 => count * 8,       // enumeration, function prototype
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `struct outer { int a; union { int b; struct { int c; int d; }; }; }`
    fn blob() -> Vec<u8> {
        let strings = b"\0outer\0a\0b\0c\0d\0int\0";
        let at = |text: &str| {
            strings
                .windows(text.len() + 2)
                .position(|w| w[0] == 0 && &w[1..=text.len()] == text.as_bytes())
                .unwrap() as u32
                + 1
        };
        let mut types: Vec<u32> = Vec::new();
        types.extend([at("int"), 1 << 24, 4, 32]); // 1
        types.extend([0, (KIND_STRUCT << 24) | 2, 8, at("c"), 1, 0, at("d"), 1, 32]); // 2
        types.extend([0, (KIND_UNION << 24) | 2, 8, at("b"), 1, 0, 0, 2, 0]); // 3
        types.extend([at("outer"), (KIND_STRUCT << 24) | 2, 12, at("a"), 1, 0, 0, 3, 32]); // 4
        let types: Vec<u8> = types.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut blob = Vec::new();
        blob.extend(MAGIC.to_ne_bytes());
        blob.extend([1, 0]);
        for word in [24, 0, types.len() as u32, types.len() as u32, strings.len() as u32] {
            blob.extend(word.to_ne_bytes());
        }
        blob.extend(types);
        blob.extend(strings);
        blob
    }

    #[test]
    fn finds_members_through_anonymous_unions() {
        let blob = blob();
        let btf = Btf::parse(&blob).unwrap();
        assert_eq!(btf.offset("outer", "a"), Some(0));
        assert_eq!(btf.offset("outer", "b"), Some(4));
        assert_eq!(btf.offset("outer", "d"), Some(8));
        assert_eq!(btf.offset("outer", "e"), None);
        assert_eq!(btf.offset("inner", "a"), None);
    }

    #[test]
    fn every_cut_is_an_error_or_an_absence_and_never_a_panic() {
        let blob = blob();
        for end in 0..blob.len() {
            if let Ok(btf) = Btf::parse(&blob[..end]) {
                let _ = btf.offset("outer", "d");
            }
        }
    }
}
