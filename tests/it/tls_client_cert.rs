//! Servers that want a certificate of ours. In TLS 1.3 the refusal comes after the handshake has
//! ended on our side, and must be waited for.

use bongsu::outcome::{Reason, Verdict};

use crate::support::openssl::Server;
use crate::support::pki::{Authority, Files, Leaf};
use crate::support::tls::{Look, net, reason, subjects};

struct Site {
    files: Files,
    root: Authority,
    clients: Authority,
}

impl Site {
    fn new() -> Site {
        let (root, clients) = (Authority::root("Test Root"), Authority::root("Clients"));
        Site { files: Files::new(), root, clients }
    }

    fn start(&self, more: &[&str]) -> Server {
        let leaf = self.root.issue(Leaf::named("probe.test"));
        let (cert, key) = (self.files.write(&leaf.pem), self.files.write(&leaf.key_pem));
        let clients = self.files.write(&self.clients.cert.pem);
        let mut arguments = vec!["-cert", cert.to_str().unwrap(), "-key", key.to_str().unwrap()];
        arguments.extend(["-CAfile", clients.to_str().unwrap()]);
        arguments.extend(more);
        Server::start(&arguments)
    }

    fn look(&self, server: &Server) -> Look {
        Look::at(server.port()).trusting(self.files.write(&self.root.cert.pem))
    }
}

#[tokio::test]
async fn a_wanted_certificate_is_missing_refused_or_accepted() {
    let site = Site::new();
    let strangers = Authority::root("Strangers");
    let right = site.clients.issue(Leaf::named("client").for_clients());
    let wrong = strangers.issue(Leaf::named("client").for_clients());
    let expired = site.clients.issue(Leaf::named("client").for_clients().expired());
    for version in ["-tls1_2", "-tls1_3"] {
        let server = site.start(&["-Verify", "2", "-verify_return_error", version]);

        let missing = site.look(&server).run().await;
        assert_eq!(reason(&missing), Some(Reason::TlsClientCert), "{version}");
        let detail = missing.result.as_ref().unwrap_err().detail.clone();
        let expected = "the server wants a client certificate and none is configured";
        assert!(detail.starts_with(expected), "{version}: {detail}");
        assert_eq!(subjects(&missing), ["CN=probe.test"]);

        for (refused, alert) in [(&wrong, "unknown_ca"), (&expired, "certificate_expired")] {
            let (cert, key) = (site.files.write(&refused.pem), site.files.write(&refused.key_pem));
            let outcome = site.look(&server).showing(cert, key).run().await;
            assert_eq!(reason(&outcome), Some(Reason::TlsClientCert), "{version}");
            let detail = outcome.result.unwrap_err().detail;
            let expected = format!("the server refused our certificate (alert {alert})");
            assert_eq!(detail, expected, "{version}");
        }

        let (cert, key) = (site.files.write(&right.pem), site.files.write(&right.key_pem));
        let outcome = site.look(&server).showing(cert, key).run().await;
        assert_eq!(outcome.verdict(), Verdict::Up, "{version}: {:?}", outcome.result);
    }
}

#[tokio::test]
async fn a_certificate_that_is_only_welcome_may_be_missing() {
    let site = Site::new();
    for version in ["-tls1_2", "-tls1_3"] {
        let server = site.start(&["-verify", "2", version]);
        let outcome = site.look(&server).run().await;
        assert_eq!(outcome.verdict(), Verdict::Up, "{version}: {:?}", outcome.result);
    }
}

#[tokio::test]
async fn our_certificate_is_read_again_when_its_files_change() {
    let site = Site::new();
    let server = site.start(&["-Verify", "2", "-verify_return_error"]);
    let wrong = Authority::root("Strangers").issue(Leaf::named("client").for_clients());
    let right = site.clients.issue(Leaf::named("client").for_clients());
    let (cert, key) = (site.files.write(&wrong.pem), site.files.write(&wrong.key_pem));
    let look = site.look(&server).showing(cert.clone(), key.clone()).in_world(&net());

    assert_eq!(reason(&look.run().await), Some(Reason::TlsClientCert));
    std::fs::write(&cert, &right.pem).unwrap();
    // The key is still the other one's.
    let mismatch = look.run_until(Some(Reason::Internal)).await;
    assert_eq!(mismatch.verdict(), Verdict::Unknown);
    std::fs::write(&key, &right.key_pem).unwrap();
    assert_eq!(look.run_until(None).await.verdict(), Verdict::Up);
}

#[tokio::test]
async fn roots_are_read_again_when_their_file_changes_and_a_missing_file_is_our_fault() {
    let site = Site::new();
    let server = site.start(&[]);
    let roots = site.files.write(&site.clients.cert.pem);
    let look = Look::at(server.port()).trusting(roots.clone()).in_world(&net());

    assert_eq!(reason(&look.run().await), Some(Reason::TlsUnknownIssuer));
    std::fs::write(&roots, &site.root.cert.pem).unwrap();
    look.run_until(None).await;
    std::fs::write(&roots, "nothing").unwrap();
    look.run_until(Some(Reason::Internal)).await;
    std::fs::write(&roots, &site.root.cert.pem).unwrap();
    look.run_until(None).await;
    std::fs::remove_file(&roots).unwrap();
    let gone = look.run_until(Some(Reason::Internal)).await;
    assert_eq!(gone.verdict(), Verdict::Unknown);
}
