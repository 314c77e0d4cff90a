//! A folder of the real file system as a [`Disk`].

use crate::ports::{Disk, DiskFile};
use rustix::fs::FallocateFlags;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Held locked for as long as a gateway uses the folder. Not listed: its name starts with a dot.
const LOCK_FILE: &str = ".lock";
/// What is written at once where the file system cannot reserve space.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// A folder that this process alone uses, until the value is dropped.
///
/// Files whose names start with a dot are not listed.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    handle: File,
    _lock: File,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// Another process holds the lock.
    #[error("{} is in use by another gateway{}; stop it, or give this one a folder of its own", path.display(), owner_note(*owner))]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, if it could be read.
        owner: Option<u32>,
    },
    /// The file system refused.
    #[error("cannot {step} {}: {source}", path.display())]
    Io {
        /// What was being done.
        step: &'static str,
        /// The path it was done to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn owner_note(owner: Option<u32>) -> String {
    owner.map(|id| format!(" (process {id})")).unwrap_or_default()
}

impl Folder {
    /// Opens `path`, creating it if it is missing, and takes it for this process.
    ///
    /// The lock is the kernel's (`flock`): it ends with the process, however that ends.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, FolderError> {
        let path = path.into();
        let io_error = |step, path: &Path| {
            let path = path.to_path_buf();
            move |source| FolderError::Io { step, path, source }
        };
        if !path.is_dir() {
            create_durably(&path).map_err(io_error("create the folder", &path))?;
        }
        let lock_path = path.join(LOCK_FILE);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(io_error("open the lock file", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let owner = lock.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(FolderError::InUse { path, owner });
            }
            Err(TryLockError::Error(source)) => {
                return Err(FolderError::Io { step: "lock", path: lock_path, source });
            }
        }
        // Who holds it is only a courtesy to the next one: a full disk must not keep us from starting.
        if let Err(error) = write_owner(&mut lock) {
            tracing::debug!(%error, "the lock file does not name its owner");
        }
        let handle = File::open(&path).map_err(io_error("open the folder", &path))?;
        Ok(Self { path, handle, _lock: lock })
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn file_path(&self, name: &str) -> io::Result<PathBuf> {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("not a file name of a folder: {name:?}")));
        }
        Ok(self.path.join(name))
    }
}

fn write_owner(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

/// Creates `path` with its parents, and syncs every folder that got an entry by it.
fn create_durably(path: &Path) -> io::Result<()> {
    let absolute = std::path::absolute(path)?;
    let missing = absolute.ancestors().take_while(|folder| !folder.is_dir()).count();
    std::fs::create_dir_all(&absolute)?;
    for changed in absolute.ancestors().skip(1).take(missing) {
        File::open(changed)?.sync_all()?;
    }
    Ok(())
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            if !entry.file_type()?.is_file() {
                continue;
            }
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry.file_name().into_string()
                && !name.starts_with('.')
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(self.file_path(name)?)?;
        Ok(Box::new(FolderFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.file_path(name)?)?;
        Ok(Box::new(FolderFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.file_path(from)?, self.file_path(to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.file_path(name)?)
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.handle)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

#[derive(Debug)]
struct FolderFile(File);

impl DiskFile for FolderFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        loop {
            match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, len) {
                Ok(()) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => return self.fill_with_zeros(len),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        // fdatasync: data, and of the metadata what is needed to read it back, the length included.
        self.0.sync_data()
    }
}

impl FolderFile {
    /// Reserves by writing, on file systems that know no better.
    fn fill_with_zeros(&self, len: u64) -> io::Result<()> {
        let mut offset = DiskFile::len(self)?;
        while offset < len {
            let n = (len - offset).min(ZEROS.len() as u64) as usize;
            self.0.write_all_at(&ZEROS[..n], offset)?;
            offset += n as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::test_folder::TestFolder;

    #[test]
    fn a_folder_is_for_one_process_at_a_time() {
        let folder = TestFolder::new("disk-lock");
        let first = Folder::open(folder.path()).unwrap();
        let error = Folder::open(folder.path()).unwrap_err();
        assert!(matches!(error, FolderError::InUse { owner: Some(id), .. } if id == std::process::id()), "{error}");
        drop(first);
        Folder::open(folder.path()).unwrap();
    }

    #[test]
    fn a_missing_folder_is_created_with_its_parents() {
        let folder = TestFolder::new("disk-create");
        let nested = folder.path().join("a/b/c");
        let disk = Folder::open(&nested).unwrap();
        assert_eq!(disk.list().unwrap(), Vec::<String>::new());
        assert!(nested.is_dir());
    }

    #[test]
    fn files_are_listed_sorted_and_read_back() {
        let folder = TestFolder::new("disk-files");
        let disk = Folder::open(folder.path()).unwrap();
        for name in ["b", "a", "c.tmp"] {
            disk.create(name).unwrap().write_all_at(name.as_bytes(), 3).unwrap();
        }
        assert_eq!(disk.create("a").err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        disk.rename("c.tmp", "b").unwrap();
        disk.sync_folder().unwrap();
        assert_eq!(disk.list().unwrap(), ["a", "b"]);
        let file = disk.open("b").unwrap();
        let mut bytes = [9; 8];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"\0\0\0c.tmp");
        assert_eq!(file.read_exact_at(&mut bytes, 1).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(disk.free_bytes().unwrap() > 0);
    }

    #[test]
    fn reserved_space_reads_as_zeros_and_survives_writes() {
        let folder = TestFolder::new("disk-allocate");
        let disk = Folder::open(folder.path()).unwrap();
        let file = disk.create("a").unwrap();
        file.write_all_at(b"abc", 0).unwrap();
        file.allocate(100_000).unwrap();
        assert_eq!(file.len().unwrap(), 100_000);
        let mut bytes = vec![9; 100_000];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes[..4], b"abc\0");
        assert!(bytes[3..].iter().all(|&b| b == 0));
        file.set_len(2).unwrap();
        file.sync().unwrap();
        assert_eq!(file.len().unwrap(), 2);
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        let folder = TestFolder::new("disk-names");
        let disk = Folder::open(folder.path()).unwrap();
        for name in ["", ".lock", "../x", "a/b"] {
            assert_eq!(disk.create(name).err().unwrap().kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
    }
}
