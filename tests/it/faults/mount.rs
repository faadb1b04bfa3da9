//! A [`Platter`] as a file system of this machine, by FUSE, with a switch for the power.
//!
//! First thing to know: once the power is off every call fails, so whatever a program was told before is on the platter
//! or was never promised to be.

use super::platter::{Platter, SyncKind};
use fastrand::Rng;
use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// Nobody but the kernel changes anything, so it may believe for as long as it likes.
const BELIEVED: Duration = Duration::from_secs(3600);

/// A mounted disk.
pub(super) struct PowerDisk {
    shared: Arc<Mutex<Shared>>,
    session: Option<BackgroundSession>,
    at: TempDir,
}

struct Shared {
    platter: Platter,
    power: Power,
    syncs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    On,
    /// Syncs fail, everything else goes on.
    SyncsFail,
    Off,
}

impl PowerDisk {
    /// Mounts an empty disk, on which one kind of sync may do nothing.
    pub(super) fn mount(ignored: Option<SyncKind>) -> Self {
        Self::mount_platter(Platter::new(ignored))
    }

    /// Mounts a disk that holds what lies in `from`.
    pub(super) fn mount_with(from: &Path, ignored: Option<SyncKind>) -> Self {
        let mut platter = Platter::new(ignored);
        platter.load(from);
        Self::mount_platter(platter)
    }

    fn mount_platter(platter: Platter) -> Self {
        let at = tempfile::tempdir().expect("a temporary directory");
        let shared = Arc::new(Mutex::new(Shared { platter, power: Power::On, syncs: 0 }));
        let mut config = Config::default();
        config.mount_options =
            vec![MountOption::FSName("platter".to_owned()), MountOption::NoDev, MountOption::NoSuid];
        let session = fuser::spawn_mount(Mounted(Arc::clone(&shared)), at.path(), &config);
        let session = session.unwrap_or_else(|error| {
            panic!(
                "a file system can not be mounted by FUSE ({error}); the test of power loss needs `/dev/fuse` \
                 (`modprobe fuse`, or `--device /dev/fuse --cap-add SYS_ADMIN` for a container) and root, or fusermount3"
            )
        });
        Self { shared, session: Some(session), at }
    }

    /// A directory on the disk for data to go to.
    pub(super) fn data(&self) -> PathBuf {
        self.at.path().join("data")
    }

    /// Lets every sync from now on fail.
    pub(super) fn fail_syncs(&self) {
        self.lock().power = Power::SyncsFail;
    }

    /// Takes the power away. Whoever uses the disk is to be killed next.
    pub(super) fn cut(&self) {
        self.lock().power = Power::Off;
    }

    /// How many syncs were asked for.
    pub(super) fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// What survives, as a plain directory: exactly what was synced, or, torn, some of the rest. Nobody may use the disk.
    pub(super) fn survivors(mut self, torn: Option<&mut Rng>) -> TempDir {
        self.cut();
        if let Some(session) = self.session.take() {
            session.umount_and_join().expect("a disk that nobody uses");
        }
        let directory = tempfile::tempdir().expect("a temporary directory");
        self.lock().platter.save(directory.path(), torn);
        directory
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Mounted(Arc<Mutex<Shared>>);

impl Mounted {
    /// Does something while the power is on.
    fn on<T>(&self, work: impl FnOnce(&mut Platter) -> Result<T, Errno>) -> Result<T, Errno> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.power == Power::Off { Err(Errno::EIO) } else { work(&mut shared.platter) }
    }

    fn sync(&self, number: INodeNo, kind: SyncKind, reply: ReplyEmpty) {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.syncs += 1;
        if shared.power != Power::On {
            return reply.error(Errno::EIO);
        }
        shared.platter.sync(number.0, kind);
        drop(shared);
        reply.ok();
    }
}

fn attributes(platter: &Platter, number: u64) -> Result<FileAttr, Errno> {
    let node = platter.node(number)?;
    let length = node.length();
    let size = length.unwrap_or(0);
    Ok(FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: if length.is_some() { FileType::RegularFile } else { FileType::Directory },
        perm: node.mode,
        nlink: 1,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        rdev: 0,
        blksize: 4096,
        flags: 0,
    })
}

fn mode_of(mode: u32) -> u16 {
    (mode & 0o7777) as u16
}

impl Filesystem for Mounted {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.on(|platter| attributes(platter, platter.find(parent.0, name)?)) {
            Ok(found) => reply.entry(&BELIEVED, &found, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.on(|platter| attributes(platter, number.0)) {
            Ok(found) => reply.attr(&BELIEVED, &found),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        number: INodeNo,
        mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changed = self.on(|platter| {
            if let Some(mode) = mode {
                platter.change_mode(number.0, mode_of(mode));
            }
            size.map_or(Ok(()), |size| platter.resize(number.0, size))?;
            attributes(platter, number.0)
        });
        match changed {
            Ok(found) => reply.attr(&BELIEVED, &found),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, _umask: u32, reply: ReplyEntry) {
        let made = self.on(|platter| {
            platter.make(parent.0, name, mode_of(mode), true).and_then(|new| attributes(platter, new))
        });
        match made {
            Ok(found) => reply.entry(&BELIEVED, &found, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let made = self.on(|platter| {
            platter.make(parent.0, name, mode_of(mode), false).and_then(|new| attributes(platter, new))
        });
        match made {
            Ok(found) => reply.created(&BELIEVED, &found, Generation(0), FileHandle(0), FopenFlags::empty()),
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(self.on(|platter| platter.remove(parent.0, name)), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(self.on(|platter| platter.remove(parent.0, name)), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        // What a rename over two directories leaves behind when the power goes is another question.
        let renamed = match parent == new_parent {
            true => self.on(|platter| platter.rename(parent.0, name, new_name)),
            false => Err(Errno::EXDEV),
        };
        answer(renamed, reply);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.on(|_| Ok(())) {
            Ok(()) => reply.opened(FileHandle(0), FopenFlags::empty()),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.on(|platter| platter.read(number.0, offset, size).map(<[u8]>::to_vec)) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.on(|platter| platter.write(number.0, offset, data)) {
            // The kernel writes at most a few hundred kilobytes at a time.
            Ok(()) => reply.written(data.len() as u32),
            Err(error) => reply.error(error),
        }
    }

    // Closing keeps nothing.
    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, number: INodeNo, _: FileHandle, datasync: bool, reply: ReplyEmpty) {
        self.sync(number, if datasync { SyncKind::Data } else { SyncKind::File }, reply);
    }

    fn fsyncdir(&self, _: &Request, number: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(number, SyncKind::Names, reply);
    }

    fn readdir(&self, _: &Request, number: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let names = match self.on(|platter| platter.list(number.0)) {
            Ok(names) => names,
            Err(error) => return reply.error(error),
        };
        // By number, so that who removes while reading passes over nothing.
        for (number, (name, is_directory)) in names.range(offset + 1..) {
            let kind = if *is_directory { FileType::Directory } else { FileType::RegularFile };
            if reply.add(INodeNo(*number), *number, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        const BLOCKS: u64 = 1 << 22;
        reply.statfs(BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCKS, 4096, 255, 4096);
    }
}

fn answer(done: Result<(), Errno>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

#[test]
fn what_a_program_writes_there_can_be_read_and_survives_once_synced() {
    let disk = PowerDisk::mount(None);
    let data = disk.data();
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("not synced"), vec![1; 100_000]).unwrap();
    assert_eq!(std::fs::read(data.join("not synced")).unwrap(), vec![1; 100_000]);
    let file = std::fs::File::create(data.join("synced")).unwrap();
    std::io::Write::write_all(&mut &file, &[2; 100_000]).unwrap();
    file.sync_data().unwrap();
    for directory in [&data, disk.at.path()] {
        std::fs::File::open(directory).unwrap().sync_all().unwrap();
    }
    assert_eq!(disk.syncs(), 3);
    std::io::Write::write_all(&mut &file, &[3; 100]).unwrap();
    drop(file);
    std::fs::remove_file(data.join("synced")).unwrap();
    let left = disk.survivors(None);
    assert_eq!(std::fs::read(left.path().join("data/synced")).unwrap(), vec![2; 100_000]);
    assert!(std::fs::read(left.path().join("data/not synced")).unwrap().is_empty());
}
