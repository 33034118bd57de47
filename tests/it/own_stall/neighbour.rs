//! What takes the processor away from a daemon: a neighbour of the highest priority, and a control
//! group. Both are set on one processor, so that other tests have the rest.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::support::daemon::Daemon;

/// Busy processes of the highest priority on the daemon's only processor.
pub(super) struct Crowd(Vec<Child>);

impl Crowd {
    pub(super) fn around(daemon: &Daemon) -> Crowd {
        let pin = Command::new("taskset")
            .args(["-a", "-cp", "0", &daemon.id().to_string()])
            .stdout(Stdio::null())
            .status();
        assert!(pin.unwrap().success());
        // Two, because the first would leave with the second what it does not take.
        let busy = || {
            let mut command = Command::new("taskset");
            command.args(["-c", "0", "nice", "-n", "-20", "sh", "-c", "while :; do :; done"]);
            command.spawn().unwrap()
        };
        Crowd(vec![busy(), busy()])
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A control group that gives the daemon 6 of 300 milliseconds.
pub(super) struct ThrottledGroup {
    directory: PathBuf,
    /// Where the daemon goes back to.
    parent: PathBuf,
    process: u32,
}

impl ThrottledGroup {
    pub(super) fn around(daemon: &Daemon) -> io::Result<ThrottledGroup> {
        let process = daemon.id();
        let name = format!("bongsu-test-{process}");
        let second = PathBuf::from("/sys/fs/cgroup");
        let is_second = second.join("cgroup.controllers").exists();
        let parent = if is_second { second } else { PathBuf::from("/sys/fs/cgroup/cpu") };
        if is_second {
            fs::write(parent.join("cgroup.subtree_control"), "+cpu")?;
        }
        let directory = parent.join(name);
        fs::create_dir(&directory)?;
        let group = ThrottledGroup { directory, parent, process };
        if is_second {
            fs::write(group.directory.join("cpu.max"), "6000 300000")?;
        } else {
            fs::write(group.directory.join("cpu.cfs_period_us"), "300000")?;
            fs::write(group.directory.join("cpu.cfs_quota_us"), "6000")?;
        }
        fs::write(group.directory.join("cgroup.procs"), process.to_string())?;
        Ok(group)
    }
}

impl Drop for ThrottledGroup {
    fn drop(&mut self) {
        let _ = fs::write(self.parent.join("cgroup.procs"), self.process.to_string());
        // The kernel needs a moment to see that it is empty.
        for _ in 0..100 {
            if fs::remove_dir(&self.directory).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
