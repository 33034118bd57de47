//! A national outage: addresses that swallow everything, beside healthy ones.

use std::process::Command;
use std::time::Duration;

use crate::estate::Estate;
use crate::process::{Daemon, sum};
use crate::{head, push_service, verdict};

pub(crate) fn black_hole(span: Duration) {
    let estate = Estate::start();
    let mut config = head(&estate.roots(), "interval: 30s, timeout: 10s");
    for service in 0..100 {
        let urls = (0..100).map(|host| format!("http://10.99.{service}.{}/", host + 100));
        push_service(&mut config, &format!("dark-{service:03}"), urls);
    }
    push_service(&mut config, "light", (0..100).map(|page| estate.url(page)));
    let daemon = Daemon::start(&config);
    let found = daemon.observe(span);
    let text = daemon.metrics();
    let light = |result: &str| {
        sum(&text, "bongsu_probe_runs_total{service=\"light\"", &format!("result=\"{result}\""))
    };
    let (good, bad) = (light("success"), light("failure") + light("unknown"));
    let in_flight = sum(&text, "bongsu_probes_in_flight", "");
    println!("10,000 probes into a black hole and 100 healthy ones, every 30 s for {span:?}");
    found.print();
    println!("  in flight at the end  {in_flight:.0}");
    println!("  healthy probes        {good:.0} successes, {bad:.0} others");
    verdict(&[
        ("no run is skipped", found.skipped == 0.0),
        ("healthy probes are unharmed", bad == 0.0 && good >= 100.0),
        ("resident memory below 512 MB", found.rss_max_kib < 512_000),
    ]);
}

/// A network of its own, in which 10.99.0.0/16 swallows everything: the addresses are local, and
/// what arrives at them is dropped without a word.
const BLACK_HOLE: &str = "ip link set lo up && ip route add local 10.99.0.0/16 dev lo \
    && nft add table inet hole \
    && nft 'add chain inet hole in { type filter hook input priority 0; }' \
    && nft add rule inet hole in ip daddr 10.99.0.0/16 drop";

pub(crate) fn enter_namespace(seconds: u64) {
    let own = std::env::current_exe().unwrap();
    let script = format!("{BLACK_HOLE} && exec {} blackhole-inside {seconds}", own.display());
    let status = Command::new("unshare").args(["--net", "sh", "-c", &script]).status().unwrap();
    assert!(
        status.success(),
        "a budget was missed; or root, ip or nft is (apt: iproute2, nftables)"
    );
}
