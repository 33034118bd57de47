//! Which address of a name is taken: one family before the other, only one, or the other after all.

use super::both::Both;
use crate::support::http::{Reply, Routes};

const HOSTS: &str =
    "127.0.0.1 localhost only4.probe.test both.probe.test\n::1 only6.probe.test both.probe.test\n";

const MODULES: &str = "modules:
  six: { prober: http, timeout: 20s }
  four: { prober: http, timeout: 20s, http: { preferred_ip_protocol: ip4 } }
  only_six: { prober: http, timeout: 20s, http: { preferred_ip_protocol: ip6, ip_protocol_fallback: false } }
  only_four: { prober: http, timeout: 20s, http: { preferred_ip_protocol: ip4, ip_protocol_fallback: false } }
  tcp_six: { prober: tcp, timeout: 20s }
  tcp_four: { prober: tcp, timeout: 20s, tcp: { preferred_ip_protocol: ip4 } }
  tcp_only_six: { prober: tcp, timeout: 20s, tcp: { preferred_ip_protocol: ip6, ip_protocol_fallback: false } }
  tcp_only_four: { prober: tcp, timeout: 20s, tcp: { preferred_ip_protocol: ip4, ip_protocol_fallback: false } }
";

#[tokio::test(flavor = "multi_thread")]
async fn a_family_of_addresses_is_chosen_alike() {
    let site = Routes::new()
        .on("GET", "/", |_| Reply::html("hello"))
        .on("GET", "/away", |asked| {
            let port = asked.header("host").and_then(|host| host.rsplit(':').next()).unwrap();
            Reply::redirect(format!("http://only4.probe.test:{port}/"))
        })
        // Of both families.
        .serve_at("::".parse().unwrap(), None)
        .await;
    let both = Both::seeing_hosts(HOSTS, MODULES);
    let port = site.address.port();
    for (name, module, family) in [
        ("both", "six", Some(6.0)),
        ("both", "four", Some(4.0)),
        ("both", "only_six", Some(6.0)),
        ("both", "only_four", Some(4.0)),
        ("only4", "six", Some(4.0)),
        ("only4", "four", Some(4.0)),
        ("only4", "only_six", None),
        ("only4", "only_four", Some(4.0)),
        ("only6", "six", Some(6.0)),
        ("only6", "four", Some(6.0)),
        ("only6", "only_six", Some(6.0)),
        ("only6", "only_four", None),
    ] {
        let host = format!("{name}.probe.test:{port}");
        for (target, module) in [
            (format!("http://{host}/"), module.to_owned()),
            (host.clone(), format!("tcp_{module}")),
        ] {
            both.agree(&target, &module, family.is_some());
            let found = both.same(&target, &module);
            assert_eq!(
                found["probe_ip_protocol"],
                family.unwrap_or_default(),
                "{module} of {name}"
            );
        }
    }
    // A redirect is followed to the addresses that there are.
    both.agree(&format!("http://only6.probe.test:{port}/away"), "only_six", true);
}
