//! Reading the sysctl.d files of a system.

use std::collections::BTreeSet;
use std::path::Path;

use crate::sys::{ProcRoot, ReadError, RootedFile, RootedFiles};
use crate::tune::sysctl_d::{Content, Directory, Home, Mask, SysctlFile, SysctlTree};

/// Largest file that is read, in bytes. The longest that people write have some hundred lines.
const FILE_LIMIT: u64 = 1 << 20;
/// Where it is said which modules are loaded at boot.
const MODULE_DIRECTORIES: [&str; 4] =
    ["/etc/modules-load.d", "/run/modules-load.d", "/usr/local/lib/modules-load.d", "/usr/lib/modules-load.d"];

/// Reads every file that systemd-sysctl or procps would look at below a root, normally `/`. What cannot be read is in
/// the tree with its reason.
#[must_use]
pub fn read_sysctl_tree(root: &Path) -> SysctlTree {
    let files = RootedFiles::new(root);
    let mut tree = SysctlTree::default();
    let mut seen = BTreeSet::new();
    for directory in Directory::ALL {
        // With merged directories /lib is /usr/lib.
        let real = files.resolve(Path::new(directory.path()));
        if real.is_ok_and(|real| !seen.insert(real)) {
            continue;
        }
        match files.list(directory.path()) {
            Ok(names) => {
                for name in names {
                    let path = format!("{}/{}", directory.path(), name.to_string_lossy());
                    tree.files.push(read_file(&files, &path, Home::DropIn(directory)));
                }
            }
            Err(error) => tree.unlisted.push((directory.path().to_owned(), error.reason)),
        }
    }
    let conf = read_file(&files, "/etc/sysctl.conf", Home::SysctlConf);
    if !matches!(&conf.content, Content::Unreadable(reason) if reason == ABSENT) {
        tree.files.push(conf);
    }
    tree.boot_modules = read_boot_modules(root);
    tree
}

/// Reads the files of one directory that belongs to no system, as if it were `/etc/sysctl.d`; their paths are whole.
#[must_use]
pub(in crate::tune) fn read_sysctl_directory(directory: &Path) -> SysctlTree {
    let (files, mut tree) = (RootedFiles::new("/"), SysctlTree::default());
    let shown = directory.to_string_lossy();
    let shown = shown.trim_end_matches('/');
    match files.list(shown) {
        Ok(names) => {
            let paths = names.into_iter().map(|name| format!("{shown}/{}", name.to_string_lossy()));
            tree.files.extend(paths.map(|path| read_file(&files, &path, Home::DropIn(Directory::Etc))));
        }
        Err(error) => tree.unlisted.push((shown.to_owned(), error.reason)),
    }
    tree
}

/// Reads the files that the caller named, in their order.
///
/// # Errors
/// The first that cannot be read.
pub fn read_given_files(paths: &[std::path::PathBuf]) -> Result<SysctlTree, ReadError> {
    let mut tree = SysctlTree::default();
    for path in paths {
        let shown = path.display().to_string();
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let bytes = match RootedFiles::new("/").read(&whole.to_string_lossy(), FILE_LIMIT) {
            Ok(RootedFile::Bytes(_, bytes)) => bytes,
            Ok(RootedFile::DevNull) => Vec::new(),
            Ok(RootedFile::Dangling(target)) => {
                let reason = format!("it is a link to {}, which is not there", target.display());
                return Err(ReadError { path: shown, kind: crate::sys::ReadErrorKind::Absent, reason });
            }
            Err(error) => return Err(ReadError { path: shown, ..error }),
        };
        tree.files.push(SysctlFile::from_bytes(shown, Home::Given, &bytes));
    }
    Ok(tree)
}

/// The kernel's words for a file that is not there.
const ABSENT: &str = "No such file or directory";

fn read_file(files: &RootedFiles, path: &str, home: Home) -> SysctlFile {
    match files.read(path, FILE_LIMIT) {
        Ok(RootedFile::Bytes(real, bytes)) => {
            let is_sysctl_conf = home != Home::SysctlConf && real == Path::new("/etc/sysctl.conf");
            SysctlFile { is_sysctl_conf, ..SysctlFile::from_bytes(path, home, &bytes) }
        }
        Ok(RootedFile::DevNull) => SysctlFile::new(path, home, Content::Masks(Mask::DevNull)),
        Ok(RootedFile::Dangling(target)) => {
            SysctlFile::new(path, home, Content::Masks(Mask::Dangling(target.display().to_string())))
        }
        Err(error) => SysctlFile::new(path, home, Content::Unreadable(error.reason)),
    }
}

/// The modules that are loaded now; nothing where that cannot be told. Built-in ones are not among them.
#[must_use]
pub fn read_loaded_modules(proc_root: &Path) -> Option<BTreeSet<String>> {
    let proc = ProcRoot::new(proc_root);
    match proc.read("modules") {
        Ok(text) => Some(text.lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()),
        // A kernel without modules has no such file; a copy of /proc may only lack it.
        Err(_) if proc_root.join("self").exists() => Some(BTreeSet::new()),
        Err(_) => None,
    }
}

/// Modules that modules-load.d and `/etc/modules` name below a root, with `-` as the kernel writes it.
#[must_use]
pub fn read_boot_modules(root: &Path) -> BTreeSet<String> {
    let files = &RootedFiles::new(root);
    let in_directories = MODULE_DIRECTORIES.iter().flat_map(|directory| {
        let names = files.list(directory).unwrap_or_default();
        names.into_iter().map(move |name| format!("{directory}/{}", name.to_string_lossy()))
    });
    let paths = in_directories.filter(|path| path.ends_with(".conf")).chain(["/etc/modules".to_owned()]);
    let mut modules = BTreeSet::new();
    for path in paths {
        let Ok(RootedFile::Bytes(_, bytes)) = files.read(&path, FILE_LIMIT) else { continue };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let names = text.lines().filter_map(|line| line.split_whitespace().next());
        modules.extend(names.filter(|name| !name.starts_with(['#', ';'])).map(|name| name.replace('-', "_")));
    }
    modules
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_system_is_read_with_its_masks_links_and_modules() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        std::fs::write(at("etc/sysctl.conf"), "net.ipv4.tcp_sack = 1\n").unwrap();
        std::fs::write(at("usr/lib/sysctl.d/50-default.conf"), "-net.core.default_qdisc = fq_codel\n").unwrap();
        std::fs::write(at("etc/modules-load.d/k8s.conf"), "# x\nbr-netfilter\nnf_conntrack hashsize=1\n").unwrap();
        symlink("../sysctl.conf", at("etc/sysctl.d/99-sysctl.conf")).unwrap();
        symlink("/dev/null", at("etc/sysctl.d/50-default.conf")).unwrap();
        symlink("usr/lib", root.path().join("lib")).unwrap();
        let tree = read_sysctl_tree(root.path());
        let seen: Vec<_> = tree.files.iter().map(|file| (file.path.as_str(), file.is_sysctl_conf)).collect();
        assert_eq!(
            seen,
            [
                ("/etc/sysctl.d/50-default.conf", false),
                ("/etc/sysctl.d/99-sysctl.conf", true),
                ("/usr/lib/sysctl.d/50-default.conf", false),
                ("/etc/sysctl.conf", false),
            ]
        );
        assert_eq!(tree.files[0].content, Content::Masks(Mask::DevNull));
        assert_eq!(tree.boot_modules.iter().collect::<Vec<_>>(), ["br_netfilter", "nf_conntrack"]);
    }
}
